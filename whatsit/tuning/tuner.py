"""The whole of `whatsit tune`: search, confirm, and write the overlays that won."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.engines.available_cores import available_cores
from whatsit.engines.repository import lay_out_repositories, overlay_folder
from whatsit.serving.pbtxt import base_file, digest
from whatsit.tuning.ab_test import ServerPool
from whatsit.tuning.config_overlay import TUNED, write_overlays
from whatsit.tuning.confirmation import Confirmed, RateComparison, compare, confirm
from whatsit.tuning.coordinate_descent import CoordinateDescent
from whatsit.tuning.objective import Goal
from whatsit.tuning.search_space import PIPELINE, Configuration, Space, read_space
from whatsit.tuning.trial_log import Trial, TrialLog
from whatsit.vision.picture_file import ENDINGS

STARTS = ("shipped", "worst")
# Of the time given: a trial that has begun is finished, and the comparison at the end starts three servers, finds each
# one's concurrency in six rounds, and measures seven times two rounds of each.
_CONFIRMING_SECONDS = 180.0


@dataclass(frozen=True)
class Task:
    """Task of a tuner.

    Args:
        root: folder with `model_repository/` and `ensembles/`.
        base: name of the configs to begin from; None for config.pbtxt.
        goal: what counts.
        pictures: encoded files.
        seconds: that everything may take.
        start: of `STARTS`.
        min_regions: sweep the cap of regions down to this; None leaves it alone.
        out: folder for a copy of the root that takes the overlays; None writes them into the root, those of
            Whatsit's root into the cache folder.
        report: folder of journal and table.
    """

    root: Path
    base: str | None
    goal: Goal
    pictures: Sequence[bytes]
    seconds: float
    start: str
    min_regions: int | None
    out: Path | None
    report: Path

    @property
    def models(self) -> Path:
        """Return the model repository."""
        return self.root / "model_repository"


@dataclass(frozen=True)
class Outcome:
    """Result of a task.

    Args:
        best: the configuration found.
        confirmed: start, shipped and found, measured in turn; () where the search was stopped before.
        against: of the found one, by name; empty likewise.
        written: the overlays; () where the shipped configuration stays.
    """

    best: Configuration
    confirmed: tuple[Confirmed, ...]
    against: Mapping[str, RateComparison]
    written: tuple[Path, ...]


class Tuner:
    """Runs one task.

    Args:
        task: what is to be tuned.
        pool: where configurations are served.
        cores: of the machine; None for those that this process may use.
        clock: seconds, ever more.
    """

    def __init__(
        self, task: Task, pool: ServerPool, cores: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._task, self._pool, self._clock = task, pool, clock
        cores = cores or available_cores()
        self.space, self.shipped = read_space(task.models, task.base, cores, task.min_regions)
        self.start = self.space.worst_start(self.shipped) if task.start == "worst" else self.shipped
        self.log = TrialLog(task.report, _setting(task, self.space, self.start))

    def run(
        self,
        trying: Callable[[str], None] = lambda change: None,
        on_trial: Callable[[Trial], None] = lambda trial: None,
    ) -> Outcome:
        """Search, confirm and write.

        Args:
            trying: called with what is done next.
            on_trial: called with each finished trial.

        Raises:
            WhatsitError: the start cannot be served, or trial after trial fails.
            KeyboardInterrupt: as it came; `keep_best` then writes what was found so far.
        """
        begin = self._clock()
        until = begin + max(self._task.seconds - _CONFIRMING_SECONDS, self._task.seconds / 2)
        best = CoordinateDescent(self._pool, self.space, self._task.goal, self.log, self._clock, trying, on_trial).run(
            self.start, until
        )
        named = {"start": self.start, "shipped": self.shipped}
        if self.start == self.shipped:
            del named["start"]
        distinct = {name: one for name, one in named.items() if one != best} | {"tuned": best}
        last = self.log.best()
        concurrency = last.concurrency if last else self.space.cores
        confirmed = confirm(
            self._pool, distinct, self._task.goal, concurrency, measuring=trying,
            is_late=lambda: self._clock() > begin + self._task.seconds,
        )  # fmt: skip
        found = next(one for one in confirmed if one.name == "tuned")
        against = {one.name: compare(found, one, self._task.goal) for one in confirmed if one is not found}
        beside = against.get("shipped")
        # Within noise of the shipped one, the slower of the two stays unwritten.
        keep = beside is None or beside.worse or (not beside.better and beside.ratio < 1)
        return Outcome(best, tuple(confirmed), against, () if keep else self._write(best, found))

    def keep_best(self) -> Outcome | None:
        """Write the best overlays after an interruption, unconfirmed; None without a gain."""
        best = self.log.best()
        if best is None or best.configuration == self.shipped:
            return None
        return Outcome(best.configuration, (), {}, self._write(best.configuration, None))

    def _write(self, best: Configuration, found: Confirmed | None) -> tuple[Path, ...]:
        task = self._task
        if task.out is not None:
            _copy(task.root, task.out)
        when = datetime.now(timezone.utc).strftime("%Y-%m-%d")
        how = "not confirmed: the search was stopped" if found is None else (
            f"{found.measurement.rate:.1f} images/s, p99 {found.measurement.p99_ms:.0f} ms with "
            f"{found.measurement.concurrency} calls in flight"
        )  # fmt: skip
        remark = (
            f"Written by `whatsit tune` on {when} for p99 <= {task.goal.slo_p99_ms:g} ms on {self.space.cores} cores: "
            f"{how}.\nChosen by --model-config-name={TUNED}."
        )
        into = task.out / "model_repository" if task.out else overlay_folder(task.models)
        return tuple(write_overlays(task.models, task.base, best, TUNED, remark, into))


def read_pictures(folder: Path, most: int) -> list[bytes]:
    """Read at most so many pictures of a folder, spread evenly over its names.

    Raises:
        InvalidInput: there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if not found:
        raise InvalidInput(f"There are no pictures in {folder}: give a folder with pictures.")
    step = max(1.0, len(found) / most)
    return [found[int(place * step)].read_bytes() for place in range(min(len(found), most))]


def _copy(root: Path, out: Path) -> None:
    """Copy the repositories, without overlays of an earlier run."""
    try:
        lay_out_repositories(root, out)
        for path in (out / "model_repository").glob(f"*/configs/{TUNED}.pbtxt"):
            path.unlink()
    except OSError as error:
        raise InvalidInput(f"The folder {out} cannot be written ({error}): choose another --out.") from error


def _setting(task: Task, space: Space, start: Configuration) -> dict[str, Any]:
    """Return what the figures of a trial depend on."""
    files = {model: digest(base_file(task.models / model, task.base)) for model in PIPELINE}
    pictures = hashlib.sha256()
    for picture in task.pictures:
        pictures.update(picture)
    return {
        "slo_p99_ms": task.goal.slo_p99_ms,
        "cores": space.cores,
        "pictures": pictures.hexdigest()[:12],
        "configs": files,
        "start": start.to_record(),
        "min_regions": task.min_regions,
    }
