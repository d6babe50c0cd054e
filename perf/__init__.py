"""Measurements: `python -m perf.PACKAGE.NAME`; perf/README.md lists them."""

from __future__ import annotations

import sys
from types import TracebackType

# Module -> extra of whatsit that brings it; any other one comes with `test`.
_EXTRAS = {
    **dict.fromkeys(("torch", "onnx", "onnxscript", "sklearn", "pycocotools", "pytorch_metric_learning"), "train"),
    **dict.fromkeys(("locust", "gevent", "matplotlib"), "perf"),
    **dict.fromkeys(("psutil", "faiss", "fastapi", "uvicorn", "pytriton", "limits", "orjson"), "serve"),
    **dict.fromkeys(("cv2", "PIL", "typer", "rich", "yaml", "pydantic", "pyarrow", "onnxruntime"), "perf"),
    "tensorrt": "tensorrt",
    "pymilvus": "milvus",
    "ray": "ray",
}
_COMPARED = ("hnswlib", "usearch")  # other libraries, in no extra
_OWN = ("whatsit", "whatsit_client", "perf", "tests")


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Return what to install for a package that is missing, None for our own modules."""
    name = (error.name or "").partition(".")[0]
    if not name or name in _OWN:
        return None
    source = name if name in _COMPARED else f"'whatsit[{_EXTRAS.get(name, 'test')}]'"
    return f"This measurement needs {name}: pip install {source}."


def _print_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sentence = missing_package(error) if isinstance(error, ModuleNotFoundError) else None
    if sentence is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(sentence, file=sys.stderr)


# Measurements import their packages at the top, before any of their own code could catch an error.
sys.excepthook = _print_error
