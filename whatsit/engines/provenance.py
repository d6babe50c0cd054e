"""Versions and hashes of a build's inputs, recorded in the model card."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

from whatsit.engines.onnx_runner import file_fingerprint

LIBRARIES = ("torch", "onnx", "onnxruntime", "numpy", "opencv-python-headless")
"""Packages whose version can change a built file."""

_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)

Provenance = dict[str, str]
"""Version or SHA-256 by name, e.g. {"torch": "2.13.0", "checkpoint": "5e1f…"}."""


def collect_provenance(checkpoint: Path, recipe: BaseModel, pictures: str) -> Provenance:
    """Return everything that decides the bytes of a built file.

    Args:
        checkpoint: the committed checkpoint.
        recipe: the `engine:` section.
        pictures: hash of the calibration pictures, see `pictures_hash`.
    """
    return {
        "checkpoint": file_fingerprint(checkpoint),
        "engine recipe": hashlib.sha256(json.dumps(recipe.model_dump(), sort_keys=True).encode()).hexdigest(),
        "calibration pictures": pictures,
        **{name: package_version(name) for name in LIBRARIES},
        "processor": _processor(),
    }


def pictures_hash(files: Sequence[Path], root: Path) -> str:
    """Return the SHA-256 over the relative names and the contents of pictures."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def read_card(card: Path) -> tuple[dict[str, str], Provenance]:
    """Return the SHA-256 of each file, by form, and the provenance in a model card.

    A missing card, or one of an older format, gives ({}, {}).
    """
    if not card.is_file():
        return {}, {}
    text = card.read_text(encoding="utf-8")
    shipped = dict(re.findall(r"^\| ([^|]+) \|[^|]*\|[^|]*\| `([0-9a-f]{64})` \|$", text, re.MULTILINE))
    section = text.partition("## Built with")[2].partition("\n## ")[0]
    rows = {name.strip(): value.strip().strip("`") for name, value in _ROW.findall(section)}
    for head in ("what", "---"):
        rows.pop(head, None)
    return (shipped if rows else {}), rows


def differences(recorded: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return lines such as "torch: 2.13.0 in the card, 2.14.0 here"."""
    return [
        f"{name}: {_short(recorded.get(name, 'not recorded'))} in the card, {_short(value)} here"
        for name, value in now.items()
        if recorded.get(name) != value
    ]


def package_version(name: str) -> str:
    """Return a package's version without local part, "-" if it is not installed."""
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return "-"


def _short(value: str) -> str:
    return value[:12] if re.fullmatch(r"[0-9a-f]{64}", value) else value


def _processor() -> str:
    """Return machine and instruction sets, which decide the last bits of sums."""
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.is_file() else set()
    return " ".join([platform.machine(), *(name for name in _INSTRUCTIONS if name in flags)])
