"""Search space: settings of a model repository and their values on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatsit.serving.pbtxt import base_file, read_config

PIPELINE = ("decode", "detector", "classifier", "regions", "embedder", "retrieval")
"""The models of `identify`, in the picture's order."""

THREADS = "intra_op_thread_count"
CAP = "cap"
WORKERS = "workers"
ROW_THREADS = "row_threads"

Value = int | tuple[int, ...]

_DELAYS_US = (0, 500, 2000, 5000)
_PREFERRED = (4, 8, 16)
# What one model's instances compute beyond the number of cores, nobody's core can.
_LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


@dataclass(frozen=True, order=True)
class Knob:
    """One thing that can be set.

    Args:
        model: name of the model.
        name: `instances`, `threads`, `workers`, `row_threads` (0: as many as cores), `delay_us`, `preferred` or `cap`.
    """

    model: str
    name: str

    def __str__(self) -> str:
        return f"{self.model}.{self.name}"


@dataclass(frozen=True)
class Configuration:
    """A value for every knob; equal where all values are.

    Args:
        values: sorted by knob.
    """

    values: tuple[tuple[Knob, Value], ...]

    @classmethod
    def of(cls, values: Mapping[Knob, Value]) -> Configuration:
        """From a mapping."""
        return cls(tuple(sorted(values.items(), key=lambda pair: pair[0])))

    def __getitem__(self, knob: Knob) -> Value:
        return dict(self.values)[knob]

    def __iter__(self) -> Iterator[Knob]:
        return (knob for knob, _ in self.values)

    def number(self, knob: Knob) -> int:
        """The value of a knob that holds one number."""
        value = self[knob]
        assert isinstance(value, int)
        return value

    def with_(self, changes: Mapping[Knob, Value]) -> Configuration:
        """The same with some values changed."""
        return Configuration.of({**dict(self.values), **changes})

    def changes_from(self, other: Configuration) -> str:
        """What differs, for people: `detector.instances 1 -> 4, detector.threads 4 -> 1`."""
        before = dict(other.values)
        changed = [f"{knob} {_text(before.get(knob))} -> {_text(value)}" for knob, value in self.values
                if before.get(knob) != value]  # fmt: skip
        return ", ".join(changed) or "nothing"

    def to_record(self) -> dict[str, Any]:
        """As JSON: knob -> value."""
        return {str(knob): list(value) if isinstance(value, tuple) else value for knob, value in self.values}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Configuration:
        """The inverse of `to_record`."""
        return cls.of(
            {
                Knob(*key.split(".", 1)): tuple(value) if isinstance(value, list) else int(value)
                for key, value in record.items()
            }
        )


@dataclass(frozen=True)
class Space:
    """Where the search may go.

    Args:
        choices: the values of each knob, ascending; the start's is among them.
        cores: of the machine.
    """

    choices: Mapping[Knob, tuple[Value, ...]]
    cores: int

    def has(self, model: str, name: str) -> bool:
        """Whether a model has such a knob."""
        return Knob(model, name) in self.choices

    def nearest(self, knob: Knob, wanted: int) -> Value:
        """The choice nearest to a number."""
        return min(self.choices[knob], key=lambda value: abs(value - wanted) if isinstance(value, int) else 1 << 30)

    def worst_start(self, start: Configuration) -> Configuration:
        """Return a bad start: one instance each with four threads, or all there are."""
        values: dict[Knob, Value] = {}
        for knob in self.choices:
            if knob.name in ("instances", "workers", "row_threads"):
                values[knob] = self.nearest(knob, 1)
            elif knob.name == "threads":
                values[knob] = self.nearest(knob, 4)
        return start.with_(values)


def read_space(
    model_repository: Path, base: str | None, cores: int, min_regions: int | None = None
) -> tuple[Space, Configuration]:
    """The space around a repository's configs, and the values that stand in them.

    Args:
        model_repository: Triton's folder of models.
        base: name of the configs to begin from, as for `--model-config-name`; None for config.pbtxt.
        cores: that the server may use.
        min_regions: sweep the cap of regions down to this; None leaves it alone, for it changes what is found.
    """
    choices: dict[Knob, tuple[Value, ...]] = {}
    start: dict[Knob, Value] = {}
    for model in PIPELINE:
        config = read_config(base_file(model_repository / model, base))
        for name, value, values in _knobs(config, cores, min_regions):
            start[Knob(model, name)] = value
            choices[Knob(model, name)] = _with(values, value)
    return Space(choices, cores), Configuration.of(start)


def _knobs(config: Any, cores: int, min_regions: int | None) -> Iterator[tuple[str, Value, Sequence[Value]]]:
    """Name, present value and values to try of what a model's config lets be set."""
    parameters = {key: value.string_value for key, value in config.parameters.items()}
    ladder = [step for step in _LADDER if step <= cores] + ([cores] if cores not in _LADDER else [])
    if len(config.instance_group) == 1:
        yield "instances", max(config.instance_group[0].count, 1), ladder
    if WORKERS in parameters:
        yield "workers", int(parameters[WORKERS]), ladder
    if THREADS in parameters:
        yield "threads", int(parameters[THREADS]), [step for step in ladder if step in (1, 2, 4, 8, 16)]
    if ROW_THREADS in parameters:
        yield "row_threads", int(parameters[ROW_THREADS]), [0, *[step for step in (1, 2, 4) if step < cores]]
    if config.HasField("dynamic_batching") and config.max_batch_size > 1:
        batching = config.dynamic_batching
        yield "delay_us", int(batching.max_queue_delay_microseconds), _DELAYS_US
        sizes: list[Value] = [(), *[(size,) for size in _PREFERRED if size <= config.max_batch_size]]
        yield "preferred", tuple(batching.preferred_batch_size), sizes
    if min_regions is not None and CAP in parameters:
        cap = int(parameters[CAP])
        yield "cap", cap, range(min(min_regions, cap), cap + 1)


def _with(values: Sequence[Value], current: Value) -> tuple[Value, ...]:
    return tuple(sorted({*values, current}, key=lambda value: value if isinstance(value, tuple) else (value,)))


def _text(value: Value | None) -> str:
    if isinstance(value, tuple):
        return "+".join(map(str, value)) or "none"
    return str(value)
