"""Choosing between CPU and GPU, and saying in one sentence why the GPU cannot be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.engines import runtime_target as target
from whatsit.engines.gpu import Gpu
from whatsit.engines.runtime_target import config_name


def no_gpu() -> tuple[Gpu, ...]:
    raise Unavailable("This machine has no NVIDIA GPU that can be used: the driver's library is not here.")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with all three engines."""
    for name in ("detector", "classifier", "embedder"):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "1" / "model.plan").touch()
    return tmp_path


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a GPU and everything that runs engines."""
    monkeypatch.setattr(target, "find_gpus", lambda: (Gpu("Fake", (9, 0)),))
    monkeypatch.setattr(target, "installed_runtimes", lambda: {"tensorrt": object()})
    monkeypatch.setattr(target.importlib.util, "find_spec", lambda name: object())


@pytest.mark.usefixtures("card")
def test_with_everything_there(repository: Path) -> None:
    assert config_name("tensorrt", repository) == "tensorrt"
    assert config_name("auto", repository) == "tensorrt"
    assert config_name("onnxruntime", repository) is None


@pytest.mark.usefixtures("card")
def test_a_missing_engine_is_named(repository: Path) -> None:
    (repository / "embedder" / "1" / "model.plan").unlink()
    with pytest.raises(Unavailable, match="no model.plan for embedder; run `whatsit build embedder --target tensorrt`"):
        config_name("tensorrt", repository)
    assert config_name("auto", repository) is None


@pytest.mark.usefixtures("card")
def test_cuda_python_is_missing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="cuda-python"):
        config_name("tensorrt", repository)


def test_no_gpu(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "find_gpus", no_gpu)
    with pytest.raises(Unavailable, match="no NVIDIA GPU") as error:
        config_name("tensorrt", repository)
    assert "`whatsit build detector --target tensorrt`" in str(error.value)
    assert config_name("auto", repository) is None


def test_an_unknown_target(repository: Path) -> None:
    with pytest.raises(InvalidInput, match="onnxruntime, openvino, tensorrt, auto"):
        config_name("coreml", repository)


def test_the_command_explains_itself_in_one_sentence(tmp_path: Path) -> None:
    """As a user meets it: no catalogue is opened, no server started, exit code 1, one sentence, no traceback."""
    try:
        target.find_gpus()
    except Unavailable:
        pass
    else:
        pytest.skip("this machine has a GPU")
    command = [sys.executable, "-m", "whatsit.cli", "serve", "--catalogue", str(tmp_path), "--target", "tensorrt"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    said = " ".join(run.stderr.split())
    assert "The target tensorrt cannot be served here" in said
    assert "`whatsit build detector --target tensorrt`" in said
    assert said.endswith("try again.")
    assert said.count(". ") == 0
    assert "Traceback" not in said


@pytest.mark.usefixtures("card")
def test_ingestion_takes_the_engines_where_it_is_told_to(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from whatsit.engines.repository import default_root
    from whatsit.pipeline import networks as module

    shutil.copytree(default_root() / "model_repository", repository, dirs_exist_ok=True)
    opened: list[Path] = []
    monkeypatch.setattr(module, "open_runner", lambda path, **options: opened.append(path) or nullcontext())
    on_gpu, on_cpu = module.Networks(repository, "tensorrt"), module.Networks(repository)
    assert [path.name for path in opened] == ["model.plan"] * 3 + ["model.onnx"] * 3
    assert on_gpu.fingerprint == on_cpu.fingerprint, (
        "an index serves both: the parity gate holds engines to the network"
    )
