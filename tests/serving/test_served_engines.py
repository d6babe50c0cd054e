"""The fused step runs the networks in the engines that the launcher names."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsit.engines.chosen_engines import write_choice
from whatsit.engines.repository import NETWORKS, default_root
from whatsit.serving.environment import ENGINES_VARIABLE, served_engines


def test_engines_follow_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = default_root() / "model_repository"
    monkeypatch.setenv("WHATSIT_CACHE", str(tmp_path))
    monkeypatch.delenv(ENGINES_VARIABLE, raising=False)
    assert served_engines(models) == dict.fromkeys(NETWORKS, "onnxruntime")
    monkeypatch.setenv(ENGINES_VARIABLE, "openvino")
    assert served_engines(models) == dict.fromkeys(NETWORKS, "openvino")
    pytest.importorskip("openvino")
    write_choice(models, {"detector": "onnxruntime", "classifier": "openvino", "embedder": "openvino"})
    monkeypatch.setenv(ENGINES_VARIABLE, "chosen")
    assert served_engines(models) == {"detector": "onnxruntime", "classifier": "openvino", "embedder": "openvino"}
