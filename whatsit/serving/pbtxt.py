"""Triton's model configurations as files: read, changed, and written whole."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from whatsit_client.errors import Damaged, Unavailable


def base_file(model: Path, base: str | None) -> Path:
    """The file that Triton takes for a model under `--model-config-name=base`.

    Raises:
        Unavailable: the model has no configuration.
    """
    named = model / "configs" / f"{base}.pbtxt"
    path = named if base and named.is_file() else model / "config.pbtxt"
    if not path.is_file():
        raise Unavailable(f"There is no {path}: give the folder that holds model_repository/ and ensembles/.")
    return path


def read_config(path: Path) -> Any:
    """The `ModelConfig` message of a file.

    Raises:
        Damaged: it is no model configuration, or has fields that the installed tritonclient does not know.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), model_config_pb2.ModelConfig())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise Damaged(f"{path} is no Triton model configuration ({error}); put it right first.") from error


def write_config(config: Any, path: Path, remark: str) -> None:
    """Write a configuration under a remark of one or more lines and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"# {line}\n" for line in remark.splitlines())
    path.write_text(lines + text_format.MessageToString(config), encoding="utf-8")


def digest(path: Path) -> str:
    """Return 12 hex digits of a configuration's content, without comments and layout."""
    return hashlib.sha256(read_config(path).SerializeToString(deterministic=True)).hexdigest()[:12]
