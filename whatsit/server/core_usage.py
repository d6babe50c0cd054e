"""Warn when the configured instances cannot use all CPU cores."""

from __future__ import annotations

from pathlib import Path

from whatsit.engines.available_cores import available_cores
from whatsit.engines.repository import default_root
from whatsit.serving.pbtxt import base_file, read_config


def core_usage_warning(root: Path | None = None, fused: bool = False, cores: int | None = None) -> str | None:
    """Return a hint where the configured instances cannot use all cores, else None.

    Args:
        root: folder with the model repositories; None for Whatsit's own, which are not to be edited.
        fused: whether `fused/` is served.
        cores: None for those that this process may use.

    Raises:
        Unavailable, Damaged: a config is missing or cannot be read.
    """
    cores = cores or available_cores()
    model = (root or default_root()).joinpath(*(("fused", "describe") if fused else ("model_repository", "detector")))
    file = base_file(model, None)
    config = read_config(file)
    used = sum(max(group.count, 1) for group in config.instance_group) or 1
    if not fused:
        used *= int(config.parameters["intra_op_thread_count"].string_value or 1)
    if used >= cores:
        return None
    if not fused:
        remedy = "`whatsit tune` finds the numbers that suit this machine"
    elif root is not None:
        remedy = f"raise the count in {file}"
    else:
        remedy = (
            "write a copy with `whatsit repository FOLDER`, raise the count in FOLDER/fused/describe/config.pbtxt "
            "and serve it with --repository FOLDER"
        )
    return f"Of {cores} cores the step {model.name} can use {used}: {remedy}."
