"""`whatsit tune` on the computed pipeline: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from computed import ComputedPool
from typer.testing import CliRunner, Result

import whatsit.cli
from whatsit.cli.app import app
from whatsit.tuning import trial_servers
from whatsit.tuning.search_space import PIPELINE


class Pool(ComputedPool):
    """The computed pipeline in the place of `TrialServers`."""

    stops_after = 10**6

    def __init__(self, root: Path, base: str | None, catalogue: Path, pictures: list[bytes]) -> None:
        assert pictures == [b"picture"] * 2
        super().__init__(noise=0.01)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None: ...

    def measure(self, *arguments: Any) -> Any:
        if self.opened > self.stops_after:
            raise KeyboardInterrupt
        return super().measure(*arguments)


@pytest.fixture
def arguments(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(trial_servers, "TrialServers", Pool)
    ignore = shutil.ignore_patterns("*.onnx", "*.plan", "tuned.pbtxt")
    for name in ("model_repository", "ensembles"):
        shutil.copytree(models.parent / name, tmp_path / "root" / name, ignore=ignore)
    (tmp_path / "photos").mkdir()
    for number in range(2):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(b"picture")
    folders = {"repository": "root", "photos": "photos", "catalogue": "catalogue", "report": "report"}
    return [word for name, folder in folders.items() for word in (f"--{name}", str(tmp_path / folder))]


def tune(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tune", "--slo-p99-ms", "1000", "--target", "onnxruntime", *arguments])


def test_the_outcome_is_written_and_printed(arguments: list[str], tmp_path: Path) -> None:
    result = tune(*arguments, "--start", "worst", "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    record = json.loads(result.stdout)
    assert record["confirmed"]["tuned"]["within_slo"]
    assert record["tuned_over"]["start"]["verdict"] == "better"
    assert len(record["written"]) in (0, len(PIPELINE))
    assert (tmp_path / "report" / "trials.csv").is_file()
    again = tune(*arguments, "--start", "worst")
    assert again.exit_code == 0, (again.output, again.exception)
    assert "Going on after" in again.output
    assert "tuned over start" in again.output


def test_ctrl_c_exits_with_130_and_names_the_best(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "stops_after", 5)
    result = tune(*arguments, "--start", "worst")
    assert result.exit_code == 130
    assert "Stopped" in result.output
    assert "best so far" in result.output


@pytest.mark.parametrize(
    ("more", "named"),
    [(["--start", "best"], "shipped or worst"), (["--target", "abacus"], "abacus"), (["--photos", "."], "no pictures")],
)
def test_refusals_are_one_sentence(
    arguments: list[str], more: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setattr(sys, "argv", ["whatsit", "tune", *arguments, *more])
    with pytest.raises(SystemExit) as ended:
        whatsit.cli.main()
    sentence = ended.value.code
    assert isinstance(sentence, str)
    assert sentence.startswith("whatsit: ")
    assert named in sentence
    assert "\n" not in sentence


def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert tune(*arguments, "--minutes", "0").exit_code == 2
