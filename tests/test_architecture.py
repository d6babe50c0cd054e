"""The house stands as `design.md` draws it: floors, a server without torch, a slim client, a repository that fits."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A room may import rooms of lower floors only, and itself.
FLOORS = {
    "cli": 6,
    "serving": 5,
    "training": 5,
    "catalogue": 4,
    "engines": 4,
    "evaluation": 4,
    "ranking": 3,
    "index": 3,
    "models": 3,
    "rendering": 2,
    "vision": 1,
}
# Besides training/ and models/, only these know torch.
TORCH_FILES = {"engines/export.py", "engines/networks.py", "engines/build.py"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "whatsit" and len(parts) > 1 else None


@pytest.mark.parametrize("room", sorted(FLOORS))
def test_a_room_imports_lower_floors_only(room: str) -> None:
    wrong = []
    for path in (ROOT / "whatsit" / room).rglob("*.py"):
        for module in imports(path):
            other = room_of(module)
            if other and other != room and other in FLOORS and FLOORS[other] >= FLOORS[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert not wrong


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in (ROOT / "whatsit").iterdir() if (path / "__init__.py").is_file()}
    assert rooms == set(FLOORS)


def test_torch_stays_in_its_rooms() -> None:
    for path in (ROOT / "whatsit").rglob("*.py"):
        name = path.relative_to(ROOT / "whatsit").as_posix()
        if name.split("/")[0] not in {"models", "training"} and name not in TORCH_FILES:
            assert not {module.split(".")[0] for module in imports(path)} & {"torch"}, name


def loaded_by(statement: str) -> set[str]:
    """Top-level packages in memory after a statement, in a fresh Python."""
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_the_server_loads_no_torch() -> None:
    steps = ", ".join(f"whatsit.serving.{step}" for step in ("decode", "regions", "retrieval", "catalogue"))
    assert not loaded_by(f"import {steps}, whatsit.engines.onnx_runner") & {"torch", "matplotlib", "sklearn"}


def test_the_client_is_slim() -> None:
    loaded = loaded_by("import whatsit_client")
    assert not loaded & {"torch", "cv2", "faiss", "onnxruntime", "rich", "typer", "pydantic", "whatsit"}


def test_help_is_quick_to_import() -> None:
    assert not loaded_by("import whatsit.cli.app") & {"torch", "cv2", "faiss", "onnxruntime", "numpy"}


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
