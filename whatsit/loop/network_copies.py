"""Copies of the networks that a catalogue keeps."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.index.current_generation import sync_folder

_NETWORK = "model.onnx"
_BESIDE = ("model.plan", "tensorrt.onnx")


def copy_network(source: Path, target: Path) -> None:
    """Copy a network and what lies beside it.

    The ONNX file comes last, so that it is there whole or not at all.

    Args:
        source: the ONNX file, of any name.
        target: where to.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.resolve() == target.resolve() or target.is_file():
        return
    files = {name: source.with_name(name) for name in _BESIDE} | {_NETWORK: source}
    for name, file in files.items():
        if file.is_file():
            part = target.parent / f".{name}.{os.getpid()}"
            shutil.copyfile(file, part)
            with part.open("rb") as copied:
                os.fsync(copied.fileno())
            part.replace(target.with_name(name))
    sync_folder(target.parent)


def is_own_embedder(model_repository: Path, fingerprint: str) -> bool:
    """Return whether an embedder is that of a model repository."""
    file = model_repository / "embedder" / "1" / _NETWORK
    return file.is_file() and embedder_fingerprint(file) == fingerprint
