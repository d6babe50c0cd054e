"""Measured results as a CSV file: one dataclass a line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whatsit_client.errors import Unavailable


def write_table(rows: Sequence[Any], file: Path) -> None:
    """Write one or more dataclasses of one type; floats have four decimals.

    Raises:
        Unavailable: the file cannot be written.
    """
    records = [asdict(row) for row in rows]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="", encoding="utf-8") as table:
            writer = csv.DictWriter(table, list(records[0]))
            writer.writeheader()
            for record in records:
                writer.writerow({name: round(v, 4) if isinstance(v, float) else v for name, v in record.items()})
    except OSError as error:
        raise Unavailable(f"{file} cannot be written ({error}).") from error
