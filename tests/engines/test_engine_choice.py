"""The choice between two engines: what is advised, written, read, and when it counts no longer."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from whatsit_client.errors import Unavailable

from whatsit.cli.engines import app
from whatsit.engines.chosen_engines import chosen_engines, forget_choice, write_choice
from whatsit.engines.engine_comparison import Comparison, advice
from whatsit.engines.ratio_interval import Ratio, ratio_interval
from whatsit.engines.repository import NETWORKS
from whatsit.engines.runtime_target import config_name, network_engines


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three networks with configs of both engines, on a machine with OpenVINO and without a GPU."""
    for name in NETWORKS:
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "configs").mkdir()
        (tmp_path / name / "1" / "model.onnx").write_text(name)
        (tmp_path / name / "config.pbtxt").write_text('backend: "onnxruntime"\n')
        (tmp_path / name / "configs" / "openvino.pbtxt").write_text('backend: "openvino"\n')
    installed(monkeypatch, True)
    return tmp_path


def installed(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if there else None)


def compared(network: str, speedup: tuple[float, float, float], missed: tuple[str, ...] = ()) -> Comparison:
    return Comparison(network, 1, 10.0, 10.0 / speedup[0], Ratio(*speedup), 20, {}, missed)


def test_a_choice_is_served_until_a_network_changes(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_name("auto", repository) is None
    engines = {"detector": "onnxruntime", "classifier": "onnxruntime", "embedder": "openvino"}
    written = write_choice(repository, engines)
    assert [path.name for path in written] == ["chosen.pbtxt"] * 3
    assert 'backend: "openvino"' in written[2].read_text()
    assert chosen_engines(repository) == engines == network_engines("auto", repository)
    assert config_name("auto", repository) == "chosen"
    assert config_name("onnxruntime", repository) is None
    installed(monkeypatch, False)
    assert config_name("auto", repository) is None
    installed(monkeypatch, True)
    (repository / "detector" / "1" / "model.onnx").write_text("trained anew")
    assert config_name("auto", repository) is None
    assert len(forget_choice(repository)) == 3
    assert forget_choice(repository) == []


def test_the_target_openvino_needs_package_and_configs(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_name("openvino", repository) == "openvino"
    assert set(network_engines("openvino", repository).values()) == {"openvino"}
    (repository / "embedder" / "configs" / "openvino.pbtxt").unlink()
    with pytest.raises(Unavailable, match="openvino.pbtxt for embedder"):
        config_name("openvino", repository)
    installed(monkeypatch, False)
    with pytest.raises(Unavailable, match="pip install"):
        config_name("openvino", repository)


def test_advice_is_one_sentence_a_finding() -> None:
    faster, unsure, slower = (1.4, 1.3, 1.5), (1.2, 0.9, 1.4), (0.6, 0.5, 0.7)
    mixed = [compared("detector", slower), compared("classifier", unsure), compared("embedder", faster)]
    assert [one.engine for one in mixed] == ["onnxruntime", "onnxruntime", "openvino"]
    assert advice(mixed) == "Serve embedder with OpenVINO: the networks of a picture take 27.1 ms instead of 30.0."
    assert advice(mixed[:2]).startswith("Stay with ONNX Runtime")
    wrong = [compared("embedder", faster, ("embedding.cosine",))]
    assert advice(wrong).endswith("OpenVINO's answers of embedder differ too much to be used.")


def test_an_interval_is_of_neighbours() -> None:
    pace = np.random.default_rng(0).uniform(1, 3, 40)  # of a noisy machine
    ratio = ratio_interval((1.5 * pace).tolist(), pace.tolist())
    assert ratio.value == ratio.low == ratio.high == pytest.approx(1.5)
    noisy = ratio_interval(np.random.default_rng(1).uniform(1, 2, 40).tolist(), [1.0] * 40)
    assert 1.2 < noisy.low < noisy.value < noisy.high < 1.8
    assert noisy.width < 0.25


def test_the_command_forgets_and_refuses(repository: Path) -> None:
    write_choice(repository, dict.fromkeys(NETWORKS, "openvino"))
    run = CliRunner().invoke(app, ["--model-repository", str(repository), "--forget"])
    assert "served by ONNX Runtime again" in run.stdout
    assert CliRunner().invoke(app, ["--write", "--forget"]).exit_code != 0
    assert CliRunner().invoke(app, ["--photos", str(repository)]).exit_code != 0
