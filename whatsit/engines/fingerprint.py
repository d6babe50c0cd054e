"""Fingerprints of embedders.

An index stores one, and servers refuse an index of another embedder.
"""

from __future__ import annotations

from pathlib import Path

from whatsit.engines.onnx_runner import file_fingerprint

# Increment whenever decoding or cropping changes what the embedder sees for the same file.
# Plans share the fingerprint of their ONNX file: the parity gate compares them with it.
PREPROCESSING = 1


def embedder_fingerprint(path: Path) -> str:
    """Return 16 hex digits of the file's SHA-256 and the version of its preprocessing."""
    return f"{file_fingerprint(path)[:16]}-p{PREPROCESSING}"
