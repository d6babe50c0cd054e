"""Target of the networks: INT8 on the CPU (ONNX Runtime) or TensorRT on a GPU."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.engines.gpu import find_gpus
from whatsit.engines.plan_runtime import installed_runtimes
from whatsit.engines.repository import NETWORKS, plan_file

TARGETS = ("onnxruntime", "tensorrt", "auto")
TENSORRT = "tensorrt"
"""Also the name of the configs, for Triton's `--model-config-name`."""


def config_name(target: str, model_repository: Path) -> str | None:
    """Return the name of the configs that a target serves; None for config.pbtxt.

    Args:
        target: of `TARGETS`. "auto" takes TensorRT where every network has a plan and a GPU can run it.
        model_repository: the folder with the networks.

    Raises:
        InvalidInput: an unknown target.
        Unavailable: "tensorrt" where it cannot be.
    """
    if target not in TARGETS:
        raise InvalidInput(f"The target {target!r} is not known; choose {', '.join(TARGETS)}.")
    if target == "onnxruntime":
        return None
    try:
        check_tensorrt(model_repository)
    except Unavailable:
        if target == "auto":
            return None
        raise
    return TENSORRT


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
