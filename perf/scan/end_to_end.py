"""What scanning is worth on films of real photos, beside a client that sends two frames a second.

python -m perf.scan.end_to_end  # writes perf/results/scan_end_to_end.md and .csv; about 40 minutes on one core
python -m perf.scan.end_to_end --minutes 4  # goes on where it stopped

Films of val photos of grocery_store, evenly spread over 60, each between two photos of other classes. A camera looks
past a neighbour, comes to the photo, finds its focus, is held for seven seconds and leaves: 640 x 480, 20 frames a
second, of which the naive client sends each tenth (as each 15th of 30 would be); tremor, motion blur, rolling shutter,
noise. The catalogue holds the 81 shop images. Recognition runs in this process (`whatsit.search`), vectors alone; R@1
is the nearest item that the answer names.
"""

from __future__ import annotations

import functools
import hashlib
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer
from whatsit_client.scan import open_detector
from whatsit_client.scan.scan_detector import shipped_model

from perf.common.command import DATA, Data, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.common.tables import markdown
from perf.scan.photo_films import clean_reply, film_of, naive_film, scan_film
from perf.scan.resumable import measure_all
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.pipeline.networks import Networks
from whatsit.search.offline_identifier import OfflineIdentifier
from whatsit.studies.grocery_catalogues import grocery_catalogue

COLUMNS = (
    "photo", "frames", "clean", "right", "requests", "boxed", "whole", "bytes", "moving", "naive_requests",
    "naive_right", "naive_vote", "naive_surest", "naive_bytes",
)  # fmt: skip


def measure_naive(task: tuple[int, int, str, str, str]) -> dict[str, Any]:
    """Return what the naive client made of one film: number of so many, data, catalogue, folder of films."""
    index, films, data, catalogue, kept = task
    cv2.setNumThreads(1)
    identifier, photos, _ = _opened(films, data, catalogue, "none")
    path, item = photos[index]
    clean = int(clean_reply(identifier, path).id == item.name)
    film, file = film_of(index, photos), Path(kept) / f"{index}.npz"
    return {"film": index, "photo": path.name, "clean": clean, **naive_film(film, file, identifier, item.name)}


def measure_scan(task: tuple[int, int, str, str, str, str, str]) -> dict[str, Any]:
    """Return what the scanner made of one film; the detector's file and fingerprint come last."""
    index, films, data, catalogue, kept, detector, _ = task
    cv2.setNumThreads(1)
    identifier, photos, model = _opened(films, data, catalogue, detector)
    film, file = film_of(index, photos), Path(kept) / f"{index}.npz"
    return {"film": index, **scan_film(film, file, model, identifier, photos[index][1].name)}


@functools.cache
def _opened(films: int, data: str, catalogue: str, detector: str) -> tuple[OfflineIdentifier, Any, Any]:
    """Open networks, catalogue and detector once in each process."""
    model = open_detector(None if detector == "auto" else Path(detector)) if detector != "none" else None
    photos = GroceryStore(Path(data)).photos("val", films)
    return OfflineIdentifier(Path(catalogue), Networks()), photos, model


def fingerprint(detector: str) -> str:
    """Return a digest of the detector and the scanner's code: rows of another one are measured anew."""
    files = sorted((ROOT / "client" / "whatsit_client" / "scan").glob("*.py"))
    if detector != "none":
        place = shipped_model() if detector == "auto" else Path(detector)
        files += sorted(place.glob("scan.*")) if place.is_dir() else [place]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def table(rows: Sequence[dict[str, Any]]) -> list[list[object]]:
    """Return the lines of the table: client, R@1, requests and bytes."""
    count = len(rows)

    def total(name: str) -> int:
        return sum(int(row.get(name, 0)) for row in rows)

    def share(right: int, all: int) -> str:
        part = right / max(1, all)
        return f"{part:.1%} ± {1.96 * math.sqrt(part * (1 - part) / max(1, all)):.1%}"

    requests, naive = total("requests"), total("naive_requests")
    kb, naive_kb = total("bytes") / count / 1000, total("naive_bytes") / count / 1000
    calls = f"{naive / count:.1f}"
    return [
        ["the photo itself, sent whole", share(total("clean"), count), "1", "-"],
        ["scanner", share(total("right"), count), f"{requests / count:.2f}", f"{kb:.0f}"],
        ["two frames a second: all its requests", share(total("naive_right"), naive), calls, f"{naive_kb:.0f}"],
        ["two frames a second: majority of a film", share(total("naive_vote"), count), calls, f"{naive_kb:.0f}"],
        ["two frames a second: surest of a film", share(total("naive_surest"), count), calls, f"{naive_kb:.0f}"],
    ]


def main(
    data: Data = DATA,
    films: Annotated[int, typer.Option(min=1, help="Films.")] = 60,
    detector: Annotated[str, typer.Option(help="auto (the scan network), none, a folder or an ONNX file.")] = "auto",
    minutes: Annotated[float, typer.Option(help="Stop after so many; the next run goes on.")] = 60,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    work: Annotated[Path, typer.Option(help="Catalogue, and what was measured.")] = ROOT / "perf" / "tools" / "scan",
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = RESULTS,
) -> None:
    """Measure, print and write the table."""
    setting = Setting.of_this_machine("perf.scan.end_to_end")
    store = GroceryStore(data / "grocery_store")
    catalogue = grocery_catalogue(store, work, lambda step, at, total: None, geometry=False)
    fixed = (films, str(data / "grocery_store"), str(catalogue), str(work / "films"))
    order = [37 * i % films for i in range(films)]  # so that a part of them has all kinds of goods
    end = time.monotonic() + 60 * minutes
    naive = measure_all([(i, *fixed) for i in order], measure_naive, work / "naive.jsonl", minutes, workers)
    left, made_by = (end - time.monotonic()) / 60, fingerprint(detector)
    tasks = [(i, *fixed, detector, made_by) for i in order]
    scans = measure_all(tasks, measure_scan, work / "scans.jsonl", left, workers)
    scanned = {row["film"]: row for row in scans}
    rows = [{**row, **scanned[row["film"]]} for row in naive if row["film"] in scanned]
    if not rows:
        typer.echo(f"{len(naive)} of {films} films are drawn and none scanned: run the command again.")
        return
    lines = markdown(("client", "R@1 (95 %)", "requests a film", "kB a film"), table(rows))
    requests, naive = (sum(row[name] for row in rows) for name in ("requests", "naive_requests"))
    sent, naive_sent = (sum(row[name] for row in rows) for name in ("bytes", "naive_bytes"))
    once = sum(row["requests"] == 1 for row in rows)
    moving, boxed = (sum(row.get(name, 0) for row in rows) for name in ("moving", "boxed"))
    lines += [
        "",
        f"{naive / max(1, requests):.1f} times fewer requests, {naive_sent / max(1, sent):.1f} times fewer bytes.",
    ]
    lines += [f"{once} of {len(rows)} films: exactly one request. Sent while moving: {moving}."]
    whole = sum(row["whole"] for row in rows)
    lines += [
        f"{boxed} of {requests} requests had a box of the detector `{detector}`, {whole} of them with the whole frame,"
        " since the thing covered less than a quarter of it."
    ]
    typer.echo("\n".join(lines))
    if len(rows) < films:
        typer.echo(f"{len(rows)} of {films} films so far: run the command again.")
    setting.write(out / "scan_end_to_end.csv", COLUMNS, [[row.get(name, 0) for name in COLUMNS] for row in rows])
    where = f"`python -m perf.scan.end_to_end`, {setting.date}, commit {setting.commit}, {setting.processor}."
    text = ["# Scanning end to end", "", where, (__doc__ or "").split("\n\n")[-1].strip(), "", *lines, ""]
    (out / "scan_end_to_end.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    run_command(main)
