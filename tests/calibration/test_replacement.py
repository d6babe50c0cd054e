from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from whatsit.calibration.replacement import Replacement, better
from whatsit.search.answer_calibration import Calibration

KNOWN: dict[str, Any] = {
    "fingerprint": "a", "generation": "1", "items": 80, "slope": 1.0, "offset": 0.0, "found": 0.8,
    "false_positives": 0.05, "false_accepts": 0.04, "coverage": 0.9, "wrong": 0.01, "absent": 300, "present": 300,
    "photos": "synthetic", "created": "2026-11-28T10:00:00+00:00",
}  # fmt: skip


def made(**changes: Any) -> Calibration:
    return Calibration(**{**KNOWN, **changes})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {}, ""),
        ({}, {"absent": 60, "present": 60}, "more photos"),
        ({"absent": 60, "present": 60}, {}, ""),
        ({"photos": "mine", "absent": 40}, {"absent": 900}, "real photos"),
        ({}, {"photos": "mine", "absent": 40, "present": 40}, ""),
        ({}, {"fingerprint": "b", "absent": 60}, ""),
        ({}, {"items": 101, "absent": 60, "present": 60}, ""),
    ],
)
def test_what_rests_on_more_is_better(old: dict[str, Any], new: dict[str, Any], told: str) -> None:
    assert (told in better(made(**old), made(**new))) if told else better(made(**old), made(**new)) == ""


def test_a_better_one_stays_unless_forced_and_the_old_file_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    few = made(absent=60, present=60, found=0.5)
    first = Replacement()
    first(made(), file)
    assert not first.kept
    assert first.note == ""
    second = Replacement()
    second(few, file)
    assert second.kept
    assert "300 synthetic photos" in second.note
    assert "--replace" in second.note
    assert Calibration.read(file) == made()
    forced = Replacement(forced=True)
    forced(few, file)
    assert Calibration.read(file) == few
    assert Calibration.read(tmp_path / "calibration.json.previous") == made()
    assert "calibration.json.previous" in forced.note
    assert not list(tmp_path.glob(".*"))


def test_a_damaged_one_is_replaced_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    file.write_text("{")
    Replacement()(made(), file)
    assert Calibration.read(file) == dataclasses.replace(made())
    assert (tmp_path / "calibration.json.previous").read_text() == "{"
