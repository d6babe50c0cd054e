"""The GPU's configs hold the same tensors as the CPU's, and what they ask for fits together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ("detector", "classifier", "embedder")
EVERY_CONFIG = sorted(
    path.relative_to(ROOT).as_posix()
    for repository in ("model_repository", "ensembles")
    for pattern in ("*/config.pbtxt", "*/configs/*.pbtxt")
    for path in (ROOT / repository).glob(pattern)
)
GPU_CONFIGS = [path for path in EVERY_CONFIG if path.endswith("configs/tensorrt.pbtxt")]


def read(path: str | Path) -> Any:
    """A config by Triton's own schema: an unknown field or a wrong type is an error."""
    return text_format.Parse((ROOT / path).read_text(encoding="utf-8"), model_config_pb2.ModelConfig())


def tensors(config: Any) -> dict[str, tuple[int, tuple[int, ...], bool]]:
    found = {tensor.name: (tensor.data_type, tuple(tensor.dims), tensor.optional) for tensor in config.input}
    return found | {tensor.name: (tensor.data_type, tuple(tensor.dims), False) for tensor in config.output}


@pytest.mark.parametrize("path", EVERY_CONFIG)
def test_every_config_is_one(path: str) -> None:
    config = read(path)
    assert config.name == Path(path).relative_to(Path(path).parts[0]).parts[0]
    assert config.backend or config.platform == "ensemble"


@pytest.mark.parametrize("path", GPU_CONFIGS)
def test_a_gpu_config_has_the_cpus_tensors(path: str) -> None:
    cpu = read(Path(path).parents[1] / "config.pbtxt")
    gpu = read(path)
    assert tensors(gpu) == tensors(cpu)
    assert [tensor.name for tensor in gpu.output] == [tensor.name for tensor in cpu.output]
    of_cpus = {"intra_op_thread_count", "row_threads", "max_in_flight_per_core"}
    kept = {key: value.string_value for key, value in cpu.parameters.items() if key not in of_cpus}
    assert kept.items() <= {key: value.string_value for key, value in gpu.parameters.items()}.items()


def test_every_network_has_one() -> None:
    assert {f"model_repository/{name}/configs/tensorrt.pbtxt" for name in NETWORKS} <= set(GPU_CONFIGS)


@pytest.mark.parametrize("network", NETWORKS)
def test_batches_of_a_network_fit_together(network: str) -> None:
    config = read(f"model_repository/{network}/configs/tensorrt.pbtxt")
    assert (config.backend, config.default_model_filename) == ("tensorrt", "model.plan")
    preferred = list(config.dynamic_batching.preferred_batch_size)
    assert preferred == sorted(set(preferred))
    assert preferred[-1] == config.max_batch_size
    assert config.max_batch_size >= read(f"model_repository/{network}/config.pbtxt").max_batch_size
    assert all(group.kind == group.KIND_GPU for group in config.instance_group)
    assert config.optimization.cuda.graphs
    # Graphs are recorded for these sizes (Triton's rule), so these are warmed up.
    assert [sample.batch_size for sample in config.model_warmup] == [1, *preferred]
    image = config.input[0]
    for sample in config.model_warmup:
        given = sample.inputs[image.name]
        assert (given.data_type, list(given.dims)) == (image.data_type, list(image.dims))


def test_a_network_takes_all_regions_of_a_picture_at_once() -> None:
    from whatsit.serving.request_options import MAX_BOXES

    for path in ("model_repository/embedder/config.pbtxt", "model_repository/embedder/configs/tensorrt.pbtxt"):
        assert read(path).max_batch_size >= MAX_BOXES + 1


@pytest.mark.parametrize("network", NETWORKS)
def test_the_recipes_engine_takes_every_batch_of_the_config(network: str) -> None:
    from whatsit.engines.build_recipe import read_build_recipe

    config = read(f"model_repository/{network}/configs/tensorrt.pbtxt")
    profiles = read_build_recipe(ROOT / "build" / f"{network}.yaml").engine.tensorrt.batches
    assert min(profile.min for profile in profiles) == 1
    assert max(profile.max for profile in profiles) == config.max_batch_size
    assert {profile.opt for profile in profiles} <= {1, *config.dynamic_batching.preferred_batch_size}
