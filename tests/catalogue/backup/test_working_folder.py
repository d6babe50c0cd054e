"""Temporary folders are removed, those of killed runs too, and those of running ones are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from whatsit_client.errors import Unavailable

from whatsit.catalogue.backup.working_folder import working_folder


def test_a_folder_lies_beside_its_result_and_goes_with_its_run(tmp_path: Path) -> None:
    with working_folder(tmp_path / "new" / "result") as folder:
        (folder / "file").write_text("x")
        assert folder.parent == tmp_path / "new"
    assert list((tmp_path / "new").iterdir()) == []


def test_two_runs_for_one_result_leave_each_other_alone(tmp_path: Path) -> None:
    killed = tmp_path / ".result.unfinished-1"
    killed.mkdir()
    (tmp_path / ".result2.unfinished-1").mkdir()
    (tmp_path / ".result.unfinished-file").symlink_to(tmp_path)
    with working_folder(tmp_path / "result") as first:
        assert not killed.exists()
        with working_folder(tmp_path / "result") as second:
            assert first.is_dir()
            assert second != first
    assert {path.name for path in tmp_path.iterdir()} == {".result2.unfinished-1", ".result.unfinished-file"}


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unavailable, match="cannot be written"), working_folder(tmp_path / "file" / "result"):
        pass
