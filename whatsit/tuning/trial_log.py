"""Log of trials on disk, from which a stopped search resumes."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.tuning.search_space import Configuration


@dataclass(frozen=True)
class Trial:
    """One configuration that was tried; figures are 0 where nothing could be measured.

    Args:
        number: 0 is the start.
        change: against the incumbent of that time.
        configuration: all values.
        verdict: `start`, `better`, `cheaper`, `no better`, or `failed`.
        concurrency: calls in flight at which it did best.
        images_per_s: median of its rounds.
        p99_ms: of all its calls.
        cpu_ms: CPU time per picture.
        calls: that the figures rest on.
        gain_percent: of the score against the incumbent measured beside it.
        error_percent: half the width of the gain's 95 % interval; infinite for a single pair.
        pairs: rounds of both, in turn.
        incumbent_images_per_s: measured beside it.
        seconds: that the trial took, with starting the server.
        reason: why it failed.
    """

    number: int
    change: str
    configuration: Configuration
    verdict: str
    concurrency: int = 0
    images_per_s: float = 0.0
    p99_ms: float = 0.0
    cpu_ms: float = 0.0
    calls: int = 0
    gain_percent: float = 0.0
    error_percent: float = 0.0
    pairs: int = 0
    incumbent_images_per_s: float = 0.0
    seconds: float = 0.0
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Return whether it was the best when it was tried."""
        return self.verdict in ("start", "better", "cheaper")

    def to_record(self) -> dict[str, Any]:
        """Return the trial as a JSON object."""
        return {**asdict(self), "configuration": self.configuration.to_record()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Trial:
        """Read the JSON object of `to_record`."""
        return cls(**{**record, "configuration": Configuration.from_record(record["configuration"])})


class TrialLog:
    """Trials of one search, in `journal.jsonl` and `trials.csv`.

    Trials of the same setting that stand there already are taken up; those of another setting are replaced.

    Args:
        folder: where both files go; made if it is not there.
        setting: what the figures depend on: machine, goal, pictures, configs.

    Raises:
        InvalidInput: the folder cannot be written.
    """

    def __init__(self, folder: Path, setting: Mapping[str, Any]) -> None:
        self._file, self._table = folder / "journal.jsonl", folder / "trials.csv"
        self.trials: list[Trial] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.is_file() else []
            records = [record for line in lines if (record := _record(line)) is not None]
            if records and records[0] == {"setting": dict(setting)}:
                self.trials = [Trial.from_record(record) for record in records[1:]]
            # Written anew: what a power cut left of the last line goes.
            kept = [{"setting": dict(setting)}, *[trial.to_record() for trial in self.trials]]
            self._file.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"The folder {folder} cannot be written ({error}): choose another --report.") from error

    def add(self, trial: Trial) -> None:
        """Append one trial."""
        self.trials.append(trial)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(trial.to_record()) + "\n")
        self._write_table()

    def best(self) -> Trial | None:
        """Return the last accepted trial, None before the start was measured."""
        return next((trial for trial in reversed(self.trials) if trial.accepted), None)

    def _write_table(self) -> None:
        """Write one line per trial: its figures, then a column per knob."""
        knobs = list(self.trials[0].configuration.to_record())
        figures = [name for name in self.trials[0].to_record() if name != "configuration"]
        with self._table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow([*figures, *knobs])
            for trial in self.trials:
                record, values = trial.to_record(), trial.configuration.to_record()
                rows.writerow(
                    [*[_figure(record[name]) for name in figures], *[_figure(values[knob]) for knob in knobs]]
                )


def _record(line: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(line))
    except ValueError:
        return None


def _figure(value: Any) -> Any:
    if isinstance(value, list):
        return "+".join(map(str, value))
    return round(value, 2) if isinstance(value, float) else value
