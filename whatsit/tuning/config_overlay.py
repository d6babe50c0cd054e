"""Configurations as Triton takes them: a `configs/NAME.pbtxt` for each model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whatsit_client.errors import Unavailable

from whatsit.engines.repository import config_file
from whatsit.serving.pbtxt import base_file, digest, read_config, write_config
from whatsit.tuning.search_space import CAP, PIPELINE, ROW_THREADS, THREADS, WORKERS, Configuration, Knob, Value

TUNED = "tuned"
_FROM = re.compile(r"^# From (\S+) ([0-9a-f]{12})\.$", re.MULTILINE)


def write_overlays(
    model_repository: Path, base: str | None, configuration: Configuration, name: str, remark: str, into: Path
) -> list[Path]:
    """Write `configs/NAME.pbtxt` for each model of the pipeline.

    What no knob names stays as it is.

    Args:
        model_repository: where the configs to begin from are.
        base: their name; None for config.pbtxt.
        configuration: the values.
        name: of the overlays.
        remark: who wrote them and what for.
        into: the repository to write to, the same one or a copy.

    Raises:
        Unavailable, Damaged: a config to begin from is missing or cannot be read.
    """
    written = []
    for model in PIPELINE:
        source = base_file(model_repository / model, base)
        config = read_config(source)
        for knob in configuration:
            if knob.model == model:
                apply(config, knob, configuration[knob])
        written.append(into / model / "configs" / f"{name}.pbtxt")
        relative = source.relative_to(model_repository / model).as_posix()
        write_config(config, written[-1], f"{remark}\nFrom {relative} {digest(source)}.")
    return written


def apply(config: Any, knob: Knob, value: Value) -> None:
    """Set one knob in a `ModelConfig` message."""
    if isinstance(value, tuple):
        del config.dynamic_batching.preferred_batch_size[:]
        config.dynamic_batching.preferred_batch_size.extend(value)
    elif knob.name == "instances":
        config.instance_group[0].count = value
    elif knob.name == "delay_us":
        if value:
            config.dynamic_batching.max_queue_delay_microseconds = value
        else:
            config.dynamic_batching.ClearField("max_queue_delay_microseconds")
    else:
        key = {"threads": THREADS, "workers": WORKERS, "row_threads": ROW_THREADS, "cap": CAP}[knob.name]
        config.parameters[key].string_value = str(value)


def stale_models(model_repository: Path, name: str = TUNED) -> list[str]:
    """Return the models whose configuration changed after their overlay was made."""
    stale = []
    for model in PIPELINE:
        overlay = config_file(model_repository, model, name)
        origin = _FROM.search(overlay.read_text(encoding="utf-8")) if overlay.is_file() else None
        if origin is not None:
            source = model_repository / model / origin[1]
            if not source.is_file() or digest(source) != origin[2]:
                stale.append(model)
    return stale


def check_named(model_repository: Path, name: str, models: Sequence[str] = PIPELINE) -> None:
    """Refuse a name under which no model has a configuration.

    Triton would serve config.pbtxt without a word.

    Raises:
        Unavailable: with what to do.
    """
    if not any(config_file(model_repository, model, name).is_file() for model in models):
        how = "`whatsit tune` writes it" if name == TUNED else "check the name"
        raise Unavailable(f"No model in {model_repository} has a configs/{name}.pbtxt: {how}.")
