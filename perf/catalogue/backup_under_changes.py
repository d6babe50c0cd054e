"""Back-ups beside changes, each restored and compared with the point in time that it names.

python -m perf.catalogue.backup_under_changes  # 20,000 items, 50 changes a second, five back-ups: 5 minutes
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from whatsit_client.errors import WhatsitError

from perf.catalogue.query_load import percentiles
from perf.catalogue.recorded_changes import FINGERPRINT, Recorded, RecordedChanges, random_picture, vector_of
from perf.common.setting import RESULTS, Setting
from whatsit.catalogue.backup.backup import backup
from whatsit.catalogue.backup.restore import restore
from whatsit.catalogue.backup.verify import verify
from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.store import Store

_BATCH = 500
_COLUMNS = [
    "back_up", "items", "sequence", "changes_during", "changes_per_s", "backup_s", "mb_per_s", "archive_mb",
    "wal_mb", "change_p50_ms", "change_p99_ms", "change_max_ms", "restore_s", "verify_s",
    "items_wrong", "items_after", "vectors_wrong", "problems",
]  # fmt: skip


def main(
    items: Annotated[int, typer.Option(help="Items before the changes.")] = 20_000,
    size: Annotated[int, typer.Option(help="Bytes of a picture.")] = 20_000,
    rate: Annotated[float, typer.Option(help="Changes a second.")] = 50.0,
    count: Annotated[int, typer.Option(help="Back-ups.")] = 5,
    quiet: Annotated[float, typer.Option(help="Seconds of changes alone before the first back-up.")] = 10.0,
    out: Annotated[Path, typer.Option(help="Folder of the CSV file.")] = RESULTS,
) -> None:
    """Back up a catalogue under changes; restore, verify and compare each."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="whatsit-backup-") as temporary:
        folder, log = Path(temporary, "shop"), Path(temporary, "changes.jsonl")
        start = _fill(folder, items, size)
        spans, records = [], []
        with RecordedChanges(folder, log, rate, size) as changes:
            time.sleep(quiet)
            for number in range(count):
                began, wal = time.monotonic(), 0

                def step(stage: str, done: int, total: int) -> None:
                    nonlocal wal
                    if done % 100 == 0 or done == total:
                        wal = max(wal, Path(f"{Layout(folder).store}-wal").stat().st_size)

                records.append(backup(folder, Path(temporary, f"{number}.tar.zst"), progress=step))
                spans.append((began, time.monotonic(), wal))
                console.print(f"back-up {number}: change {records[-1].sequence}, {spans[-1][1] - began:.1f} s")
        made = changes.read()
        rows = [["none", items, "", *_change_times(made, spans[0][0] - quiet, spans[0][0])]]
        for number, (record, span) in enumerate(zip(records, spans, strict=True)):
            file, again = Path(temporary, f"{number}.tar.zst"), Path(temporary, f"restored{number}")
            restored = time.monotonic()
            restore(file, again)
            checked = time.monotonic()
            problems = verify(again, settle=0.0).problems
            ended = time.monotonic()
            row = _row(number, record.items, record.sequence, record.size, file.stat().st_size, span, made)
            times = [f"{checked - restored:.1f}", f"{ended - checked:.1f}"]
            rows.append([*row, *times, *_compare(again, start, made, record.sequence), len(problems)])
            for problem in problems[:5]:
                console.print(str(problem))
    _write(out / "backup.csv", rows, console)


def _fill(folder: Path, items: int, size: int) -> dict[str, str]:
    """Make and publish the catalogue; id -> title."""
    titles = {f"i{number}": f"item {number}" for number in range(items)}
    with Store(Layout(folder).store) as store:
        ids = list(titles)
        for at in track(range(0, items, _BATCH), "Filling the catalogue"):
            store.put(
                (ItemFields(id, title=titles[id]), [random_picture(folder, titles[id], size)], FINGERPRINT)
                for id in ids[at : at + _BATCH]
            )
        publish(store, Layout(folder).index)
    return titles


def _change_times(made: list[Recorded], began: float, ended: float) -> list[object]:
    """Return the cells from `changes_during` to `change_max_ms` of a span without a back-up."""
    seconds = [one.seconds * 1000 for one in made if began <= one.began < ended]
    found = percentiles(seconds)
    head = [len(seconds), f"{len(seconds) / (ended - began):.1f}", "", "", "", ""]
    return [*head, *(f"{found[percent]:.1f}" for percent in (50, 99, 100)), *[""] * 6]


def _row(
    number: int, items: int, sequence: int, size: int, packed: int, span: tuple[float, float, int], made: list[Recorded]
) -> list[object]:
    began, ended, wal = span
    cells = _change_times(made, began, ended)
    took = ended - began
    cells[2:6] = [f"{took:.1f}", f"{size / took / 1e6:.0f}", f"{packed / 1e6:.0f}", f"{wal / 1e6:.1f}"]
    return [number, items, sequence, *cells[:-6]]


def _compare(folder: Path, start: dict[str, str], made: list[Recorded], sequence: int) -> list[object]:
    """Count items that differ from the state at `sequence`, changes after it that are there, and wrong vectors."""
    expected: dict[str, str] = dict(start)
    for change in made:
        if change.sequence <= sequence:
            if change.title is None:
                expected.pop(change.id, None)
            else:
                expected[change.id] = change.title
    later = {change.title for change in made if change.sequence > sequence and change.title is not None}
    with Store(Layout(folder).store, read_only=True) as store:
        found = {record["id"]: record["title"] for record in store.page(limit=10_000_000)}
        vectors, numbers = store.vectors(FINGERPRINT)
        records = store.records(numbers.tolist())
        wrong = sum(
            not np.array_equal(vector, vector_of(records[number]["title"]))
            for vector, number in zip(vectors, numbers.tolist(), strict=True)
        )
    differing = sum(found.get(id) != expected.get(id) for id in found.keys() | expected.keys())
    return [differing, sum(title in later for title in found.values()), wrong + abs(len(vectors) - len(found))]


def _write(path: Path, rows: list[list[object]], console: Console) -> None:
    Setting.of_this_machine("perf.catalogue.backup_under_changes").write(path, _COLUMNS, rows)
    for row in rows:
        console.print(", ".join(f"{name} {value}" for name, value in zip(_COLUMNS, row, strict=True)), soft_wrap=True)
    console.print(f"Figures in {path}")


if __name__ == "__main__":
    try:
        typer.run(main)
    except WhatsitError as error:
        sys.exit(f"backup: {error}")
