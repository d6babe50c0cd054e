"""Options of a step and the file of its figures."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perf.common.tables import read_rows

COLUMNS = ("date", "commit", "device", "driver", "step", "case", "measure", "value", "unit", "limit", "share", "note")
SKIPPED = "skipped"


@dataclass
class Check:
    """One step's surroundings.

    Args:
        step: its name.
        setting: values of the columns before `step`.
        file: the CSV; every figure is on the disk as soon as it is known.
        scratch: folder for engines and other things that can be made again.
        dry: tiny sizes, and the CPU where there is no GPU.
    """

    step: str
    setting: tuple[str, ...]
    file: Path
    scratch: Path
    dry: bool = False
    limits: dict[str, float] = field(default_factory=dict)

    def record(
        self, case: str, measure: str, value: float | str, unit: str = "", limit: str = "", note: str = ""
    ) -> None:
        """Write one figure.

        Args:
            case: what was measured, e.g. "embedder, torch fp16, batch 32".
            measure: the figure's name.
            value: the figure.
            unit: of the figure.
            limit: name of a figure of the step `limits` in the same unit, of which this one is a share.
            note: what a reader must know.
        """
        share = ""
        if limit and isinstance(value, float) and self.limit(limit):
            share = f"{value / self.limit(limit):.4f}"
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        self._write([*self.setting, self.step, case, measure, text, unit, limit, share, note])
        beside = f"  = {float(share):.1%} of {limit}" if share else ""
        print(f"  {case}: {measure} {text} {unit}{beside}{f'  ({note})' if note else ''}", flush=True)

    def skip(self, case: str, why: str) -> None:
        """Record why something was not measured; the next run tries it again."""
        self._write([*self.setting, self.step, case, SKIPPED, "", "", "", "", why])
        print(f"  {case}: skipped: {why}", flush=True)

    def done(self, case: str) -> bool:
        """Whether an earlier run with the same commit and device has this case's figures."""
        same = dict(zip(("commit", "device"), self.setting[1:3], strict=True)) | {"step": self.step, "case": case}
        return any(row["measure"] != SKIPPED and same.items() <= row.items() for row in read_rows(self.file))

    def limit(self, name: str) -> float:
        """Return a figure of the step `limits` on this device; 0 where there is none."""
        if name not in self.limits:
            found = [
                row for row in read_rows(self.file) if row["step"] == "limits" and row["device"] == self.setting[2]
            ]
            values = [float(row["value"]) for row in found if row["case"] == name and row["measure"] != SKIPPED]
            self.limits[name] = values[-1] if values else 0.0
        return self.limits[name]

    def _write(self, values: list[Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = not self.file.exists()
        with self.file.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(COLUMNS)
            writer.writerow(values)
