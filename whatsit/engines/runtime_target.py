"""Target of the networks: ONNX Runtime or OpenVINO on the CPU, TensorRT on a GPU."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.engines.chosen_engines import CHOSEN, chosen_engines
from whatsit.engines.gpu import find_gpus
from whatsit.engines.openvino_runner import check_openvino
from whatsit.engines.plan_runtime import installed_runtimes
from whatsit.engines.repository import NETWORKS, config_file, plan_file

TARGETS = ("onnxruntime", "openvino", "tensorrt", "auto")
TENSORRT, OPENVINO = "tensorrt", "openvino"
"""Also the names of the configs, for Triton's `--model-config-name`."""


def config_name(target: str, model_repository: Path) -> str | None:
    """Return the name of the configs that a target serves; None for config.pbtxt.

    Args:
        target: of `TARGETS`. "auto" takes TensorRT where every network has a plan and a GPU can run it, else what
            `whatsit engines choose --write` chose for these networks on this machine.
        model_repository: the folder with the networks.

    Raises:
        InvalidInput: an unknown target.
        Unavailable: "tensorrt" or "openvino" where it cannot be.
    """
    if target not in TARGETS:
        raise InvalidInput(f"The target {target!r} is not known; choose {', '.join(TARGETS)}.")
    if target == "onnxruntime":
        return None
    if target == OPENVINO:
        _check_openvino_configs(model_repository)
        return OPENVINO
    try:
        check_tensorrt(model_repository)
    except Unavailable:
        if target == "auto":
            return CHOSEN if OPENVINO in chosen_engines(model_repository).values() else None
        raise
    return TENSORRT


def network_engines(target: str, model_repository: Path) -> dict[str, str]:
    """Return the engine of each network: "onnxruntime", "openvino" or "tensorrt".

    Raises:
        InvalidInput, Unavailable: as `config_name`.
    """
    return engines_of(config_name(target, model_repository), model_repository)


def engines_of(config: str | None, model_repository: Path) -> dict[str, str]:
    """Return the engine of each network by the name of the served configs.

    Args:
        config: as `config_name` gives it.
        model_repository: the folder with the networks.
    """
    if config == CHOSEN:
        return chosen_engines(model_repository)
    return dict.fromkeys(NETWORKS, config or "onnxruntime")


def _check_openvino_configs(model_repository: Path) -> None:
    check_openvino()
    missing = [name for name in NETWORKS if not config_file(model_repository, name, OPENVINO).is_file()]
    if missing:
        raise Unavailable(
            f"The target openvino cannot be served: {model_repository} has no configs/openvino.pbtxt for "
            f"{', '.join(missing)}; copy them from Whatsit's own, or serve with --target onnxruntime."
        )


def check_tensorrt(model_repository: Path) -> None:
    """Refuse TensorRT where it cannot be, before a server is started.

    Raises:
        Unavailable: no GPU, no engine for a network, or no package that runs engines; with what to do.
    """
    missing = [name for name in NETWORKS if not plan_file(model_repository, name).is_file()]
    builds = " and ".join(f"`whatsit build {name} --target tensorrt`" for name in missing or NETWORKS)
    try:
        find_gpus()
    except Unavailable as error:
        reason = str(error).removesuffix(".")
        raise Unavailable(
            f"The target tensorrt cannot be served here: {reason}; serve with --target onnxruntime, or on a machine "
            f"with a GPU run {builds} and try again."
        ) from error
    if missing:
        raise Unavailable(
            f"The target tensorrt cannot be served: {model_repository} has no model.plan for {', '.join(missing)}; "
            f"run {builds} on this machine, or serve with --target onnxruntime."
        )
    installed_runtimes()
    if importlib.util.find_spec("cuda") is None:
        raise Unavailable("Serving engines needs the package cuda-python: pip install 'whatsit[tensorrt]'.")
