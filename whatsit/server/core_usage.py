"""Warn when the instances of one's own repository cannot use all CPU cores."""

from __future__ import annotations

from pathlib import Path

from whatsit.engines.available_cores import available_cores
from whatsit.serving.pbtxt import base_file, read_config


def core_usage_warning(root: Path, fused: bool = False, cores: int | None = None) -> str | None:
    """Return a hint where the configured instances cannot use all cores, else None.

    Whatsit's own repositories get their instances from the cores (`fit_instances`).

    Args:
        root: folder with the model repositories.
        fused: whether `fused/` is served.
        cores: None for those that this process may use.

    Raises:
        Unavailable, Damaged: a config is missing or cannot be read.
    """
    cores = cores or available_cores()
    model = root.joinpath(*(("fused", "describe") if fused else ("model_repository", "detector")))
    file = base_file(model, None)
    config = read_config(file)
    used = sum(max(group.count, 1) for group in config.instance_group) or 1
    if not fused:
        used *= int(config.parameters["intra_op_thread_count"].string_value or 1)
    if used >= cores:
        return None
    remedy = f"raise the count in {file}" if fused else "`whatsit tune` finds the numbers that suit this machine"
    return f"Of {cores} cores the step {model.name} can use {used}: {remedy}."
