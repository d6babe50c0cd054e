"""Step `environment`: the card, its driver and the installed libraries."""

from __future__ import annotations

import importlib.util
import subprocess

from whatsit_client.errors import Unavailable

from perf.common.setting import installed_version
from perf.gpu.check import Check
from whatsit.engines.gpu import find_gpus
from whatsit.engines.plan_runtime import installed_runtimes

PACKAGES = ("torch", "onnxruntime", "cuda-bindings", "numpy", "opencv-python-headless", "faiss-gpu", "faiss-cpu",
            "nvidia-pytriton", "tritonclient", "polygraphy")  # fmt: skip
QUERY = "name,driver_version,memory.total,clocks.max.sm,power.limit"


def run(check: Check) -> None:
    """Record what is here."""
    try:
        for number, gpu in enumerate(find_gpus()):
            check.record(f"GPU {number}", "compute capability", ".".join(map(str, gpu.capability)), note=gpu.name)
    except Unavailable as error:
        check.skip("GPU", str(error))
    try:
        asked = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
        for line in said.stdout.splitlines():
            check.record("nvidia-smi", QUERY, line)
    except (OSError, subprocess.SubprocessError) as error:
        check.skip("nvidia-smi", f"It does not answer ({type(error).__name__}).")
    for package in PACKAGES:
        if found := installed_version(package):
            check.record(package, "version", found)
        else:
            check.skip(package, "It is not installed.")
    try:
        for name, module in installed_runtimes().items():
            can = "builds and runs" if hasattr(module, "Builder") else "runs"
            check.record(name, "version", str(getattr(module, "__version__", "unknown")), note=f"{can} engines")
    except Unavailable as error:
        check.skip("TensorRT", str(error))
    if importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        check.record("onnxruntime", "providers", " ".join(onnxruntime.get_available_providers()))
