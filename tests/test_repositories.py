"""What Triton serves fits together: networks and configurations, ensembles and their steps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def config(path: Path) -> str:
    return re.sub(r"#.*", "", path.read_text(encoding="utf-8"))


def tensors(text: str, kind: str) -> set[str]:
    return set(re.findall(rf'{kind} \[ \{{ name: "(\w+)"', text))


@pytest.mark.parametrize("network", ["detector", "classifier", "embedder"])
def test_a_networks_file_keeps_the_contract_of_its_config(network: str) -> None:
    from whatsit.engines.onnx_runner import OnnxRunner

    text = config(ROOT / "model_repository" / network / "config.pbtxt")
    with OnnxRunner(ROOT / "model_repository" / network / "1" / "model.onnx") as runner:
        for kind, specs in (("input", runner.inputs), ("output", runner.outputs)):
            declared = {
                name: [int(side) for side in dims.split(",")]
                for name, dims in re.findall(rf'{kind} \[ \{{ name: "(\w+)".*?dims: \[([^\]]*)\]', text)
            }
            assert set(declared) == {spec.name for spec in specs}
            for spec in specs:  # a side that the file leaves free is bound by the config
                sides = zip(spec.shape[1:], declared[spec.name], strict=True)
                assert all(side in (None, bound) for side, bound in sides), spec.name
            assert all(spec.shape[0] is None for spec in specs)


@pytest.mark.parametrize("repository", ["ensembles", "fused"])
@pytest.mark.parametrize("ensemble", ["identify", "embed", "detect"])
def test_an_ensemble_maps_tensors_that_its_steps_have(ensemble: str, repository: str) -> None:
    steps = "model_repository" if repository == "ensembles" else repository
    text = config(ROOT / repository / ensemble / "config.pbtxt")
    produced, consumed = {"IMAGE"}, set()
    for step in re.split(r"model_name: ", text)[1:]:
        model = config(ROOT / steps / step.split('"')[1] / "config.pbtxt")
        inputs = dict(re.findall(r'input_map \{ key: "(\w+)" value: "(\w+)" \}', step))
        outputs = dict(re.findall(r'output_map \{ key: "(\w+)" value: "(\w+)" \}', step))
        assert set(inputs) <= tensors(model, "input")
        assert set(outputs) <= tensors(model, "output")
        produced |= set(outputs.values())
        consumed |= set(inputs.values())
    declared = tensors(text, "output")
    assert consumed <= produced
    assert declared <= produced
    # A tensor that is an output and another step's input is pruned when a caller does not ask for it (server #7482).
    assert not consumed & declared


@pytest.mark.parametrize("ensemble", ["identify", "embed", "detect"])
def test_the_fused_ensembles_have_the_inputs_and_outputs_of_the_others(ensemble: str) -> None:
    heads = [
        (ROOT / place / ensemble / "config.pbtxt").read_text().split("step [")[0] for place in ("ensembles", "fused")
    ]
    assert heads[0] == heads[1]


@pytest.mark.parametrize("model", ["catalogue", "retrieval"])
@pytest.mark.parametrize("file", ["config.pbtxt", "1/model.py"])
def test_the_fused_repository_has_the_same_models_of_the_catalogue(model: str, file: str) -> None:
    """All but the way to the networks is equal."""
    shared, copy = ((ROOT / folder / model / file).read_text() for folder in ("model_repository", "fused"))
    assert copy.replace('"../../model_repository', '"..') == shared


def test_nothing_that_is_served_is_a_link() -> None:
    folders = ("model_repository", "ensembles", "fused")
    assert not [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_symlink()]


def parameters(model: Path) -> dict[str, float]:
    text = config(model / "config.pbtxt")
    return {key: float(value) for key, value in re.findall(r'key: "(\w+)" value: \{ string_value: "([\d.]+)"', text)}


@pytest.mark.parametrize(("repository", "step"), [("model_repository", "regions"), ("fused", "describe")])
def test_the_librarys_defaults_are_those_of_the_configurations(repository: str, step: str) -> None:
    from whatsit.ranking.answer_model import FOUND
    from whatsit.ranking.score import MATCH_SCORE
    from whatsit.vision import regions

    assert parameters(ROOT / repository / "retrieval") == {"min_score": MATCH_SCORE, "found": FOUND}
    assert parameters(ROOT / repository / step) == {"cap": regions.MAX_REGIONS, "min_score": regions.MIN_SCORE}
