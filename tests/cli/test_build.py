"""`whatsit build`: unknown recipes, and the message about a replaced network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput

pytest.importorskip("torch")

from whatsit.cli.app import app
from whatsit.engines import build as module
from whatsit.engines.build import BuildResult

ROOT = Path(__file__).resolve().parents[2]


def build(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["build", *arguments], catch_exceptions=False)
    return result.exit_code, result.output


def test_an_unknown_name_lists_the_recipes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(
        InvalidInput, match="choose classifier, classifier-fp16, detector, .*embedder-fp16, scan, or pass"
    ):
        build("detectr")
    for name in ("model_repository", "ensembles"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHATSIT_HOME", str(tmp_path))
    with pytest.raises(InvalidInput, match="run in the folder of a checkout"):
        build("detector")


def test_a_replaced_network_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    files = [tmp_path / name for name in ("model.onnx", "tensorrt.onnx", "float.onnx", "card.md")]
    for file in files:
        file.write_bytes(b"x")
    made = BuildResult(*files, {"INT8, CPU": {"embedding.cosine": 0.99}}, False, ("checkpoint: 1 in the card, 2 here",))
    monkeypatch.setattr(module, "build", lambda *_, **__: made)
    code, output = build("embedder")
    assert code == 0
    assert f"The network in {files[0]} was replaced." in output
    assert f"git checkout -- {files[0]} {files[1]} {files[3]} build/checkpoints" in output
    assert "checkpoint: 1 in the card" in output
    code, output = build("embedder", "--check")
    assert code == 1
    assert f"Not the bytes in the card {files[3]}" in output
    monkeypatch.setattr(module, "build", lambda *_, **__: replace(made, identical=True, differences=()))
    assert build("embedder", "--check") == (0, output.partition("Not the")[0] + "The same bytes as in the card.\n")
