"""Pictures per second of ingestion, beside the bare networks."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit.catalogue import Store
from whatsit.catalogue.ingest import ingest
from whatsit.catalogue.ingest.picture_analysis import Step, checked_steps
from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer
from whatsit.catalogue.ingest.prepare import Settings
from whatsit.catalogue.ingest.thread_executor import InThreads
from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.sources import Row
from whatsit.catalogue.sources.picture_folder import PICTURES
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks

RATE_COLUMNS = ["steps", "what", "repeat", "pictures", "seconds", "pictures_per_second", "cpu_ms_per_picture"]
# Inputs of the bare networks: enough that no cache keeps them, few enough for the memory.
_TENSORS = 256

Inputs = dict[str, list[npt.NDArray[np.uint8]]]


def rates(
    folders: Sequence[Path],
    limit: int,
    detect_limit: int,
    repeats: int,
    settings: Sequence[str],
    workers: int,
    work: Path,
) -> Iterator[list[Any]]:  # fmt: skip
    """Bare networks and ingestion by turns, `repeats` times for each setting of steps.

    Settings with the detector, which takes several times as long, go through the first `detect_limit` pictures. No item
    has a category, so that `categorise` is taken for every picture. Before the first measurement every file
    is read once: what is measured is work, not a disk.

    Yields:
        Per run what `RATE_COLUMNS` names.
    """
    paths = _photos(folders, limit)
    rows = [Row(ItemFields(f"{number:06d}"), (path,), str(path)) for number, path in enumerate(paths)]
    inputs = _inputs(paths)
    with Networks() as loaded, PictureAnalyzer() as look:
        for repeat in range(1, repeats + 1):
            for setting in settings:
                steps = checked_steps([name for name in setting.split(",") if name != "none"])
                networks = _networks(steps)
                some = rows[:detect_limit] if "detect" in steps else rows
                with _clocks() as bare:
                    _bare(loaded, networks, inputs, len(some), workers)
                yield _row(" + ".join(networks), "networks alone", repeat, len(some), bare)
                shutil.rmtree(work / "catalogue", ignore_errors=True)
                with _clocks() as whole:
                    _ingestion(look, some, steps, workers, work / "catalogue")
                yield _row(" + ".join(["embed", *sorted(steps)]), "ingestion", repeat, len(some), whole)


def summary(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Median rates and their ratio, per setting."""
    found = []
    for bare, whole in zip(*(_medians(rows, what) for what in ("networks alone", "ingestion")), strict=True):
        ratio = whole[1] / bare[1]
        found.append(f"{whole[0]}: {whole[1]:.1f} pictures/s, {bare[0]} alone {bare[1]:.1f}: ratio {ratio:.2f}")
    return found


def _medians(rows: Sequence[Sequence[Any]], what: str) -> list[tuple[str, float]]:
    """Return the ratios in the order of the runs, by the place in each round."""
    first = [row for row in rows if row[1] == what and row[2] == 1]
    found = []
    for place, row in enumerate(first):
        same = [one for one in rows if one[1] == what][place :: len(first)]
        found.append((row[0], statistics.median(float(one[5]) for one in same)))
    return found


def _row(steps: str, what: str, repeat: int, pictures: int, clocks: list[float]) -> list[Any]:
    seconds, cpu = clocks
    rate, each = f"{pictures / seconds:.1f}", f"{1000 * cpu / pictures:.2f}"
    return [steps, what, repeat, pictures, f"{seconds:.2f}", rate, each]


@contextmanager
def _clocks() -> Iterator[list[float]]:
    """Seconds and CPU seconds of what is done inside, when it is done."""
    found: list[float] = []
    began, worked = time.perf_counter(), time.process_time()
    yield found
    found += [time.perf_counter() - began, time.process_time() - worked]


def _photos(folders: Sequence[Path], limit: int) -> list[Path]:
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES][
        :limit
    ]
    if not paths:
        raise SystemExit("There are no pictures in the folders; give folders with JPEG, PNG or WebP files.")
    for path in paths:
        path.read_bytes()
    return paths


def _networks(steps: frozenset[Step]) -> list[str]:
    return ["embedder"] + ["detector"] * ("detect" in steps) + ["classifier"] * ("categorise" in steps)


def _inputs(paths: Sequence[Path]) -> Inputs:
    found: Inputs = {"embedder": [], "detector": []}
    for path in paths[:: max(1, len(paths) // _TENSORS)]:
        picture = decode_picture(path.read_bytes())
        found["embedder"].append(picture.whole_crop[None])
        found["detector"].append(picture.detector_image[None])
    return found | {"classifier": found["embedder"]}


def _bare(loaded: Networks, networks: Sequence[str], inputs: Inputs, count: int, workers: int) -> None:
    """Run the networks on so many inputs, one at a time, in `workers` threads."""

    def run(number: int) -> None:
        for network in networks:
            tensors = inputs[network]
            loaded.run(network, tensors[number % len(tensors)])

    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(run, range(count), chunksize=1):
            pass


def _ingestion(
    look: PictureAnalyzer, rows: Sequence[Row], steps: frozenset[Step], workers: int, catalogue: Path
) -> None:
    with Store(catalogue / "catalogue.sqlite") as store:
        report = ingest(store, rows, InThreads(look, workers), look.fingerprint, settings=Settings(steps))
    assert report.kept == len(rows), report.skipped[:3]
