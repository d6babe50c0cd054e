"""Embedding of a roll-out on Ray while workers are killed: finished, nothing twice, nothing missing.

python -m perf.loop.ray_rollout  # 20,000 small pictures, 4 workers, 2 of them killed at random moments
"""

from __future__ import annotations

import csv
import hashlib
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from rich.console import Console

from perf.common.command import Out, run_command
from perf.common.setting import RESULTS, Setting
from perf.loop.small_embedder import write_small_embedder
from whatsit.catalogue.ingest.embed_again import RegionEmbedder
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.store import Store
from whatsit.cli.progress_bar import progress_bars
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.loop.ray_embedding import RayCluster, ray_embedding
from whatsit.loop.rollout import Rollout
from whatsit.loop.rollout_state import rollout_state

_BATCH = 500
_CHECKED = 200


def write_catalogue(folder: Path, network: Path, pictures: int, seed: int) -> None:
    """Write a published catalogue of small drawn pictures with vectors of an embedder.

    The vectors are random: what counts here is that each picture gets a new one.
    """
    fingerprint, dice = embedder_fingerprint(network), np.random.default_rng(seed)
    place = folder / "shop"
    place.mkdir(parents=True)
    with Store(Layout(folder).store) as store:
        for first in range(0, pictures, _BATCH):
            changes = []
            for number in range(first, min(first + _BATCH, pictures)):
                drawn = cv2.resize(dice.integers(0, 256, (4, 4, 3), dtype=np.uint8), (64, 64))
                file = place / f"{number:06d}.png"
                cv2.imwrite(str(file), drawn)
                values = dice.standard_normal(128).astype(np.float32)
                vector = Vector((0.0, 0.0, 64.0, 64.0), values / np.linalg.norm(values))
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                changes.append((ItemFields(f"P{number:06d}"), [Picture(str(file), digest, (vector,))], fingerprint))
            store.put(changes)
        publish(store, Layout(folder).index, fingerprint)


class Killer:
    """Kills workers while they work, each once a random share of the pictures is done.

    Args:
        log: that the workers write; it names their processes.
        pictures: in all.
        kills: how many workers.
        seed: of moments and workers.
    """

    def __init__(self, log: Path, pictures: int, kills: int, seed: int) -> None:
        self._log, self._dice = log, random.Random(seed)
        self._moments = sorted(self._dice.uniform(0.1, 0.8) * pictures for _ in range(kills))
        self.killed: list[tuple[int, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for moment in self._moments:
            while len(lines := _lines(self._log)) < moment:
                if self._stop.wait(0.1):
                    return
            alive = sorted({pid for _, pid in lines[-200:]} - {pid for pid, _ in self.killed})
            victim = self._dice.choice([pid for pid in alive if Path(f"/proc/{pid}").exists()])
            os.kill(victim, signal.SIGKILL)
            self.killed.append((victim, len(lines)))


def _lines(log: Path) -> list[tuple[int, int]]:
    """Return the picture and the process of each line of the workers' log."""
    if not log.is_file():
        return []
    whole = [line.split(",") for line in log.read_text(encoding="utf-8").splitlines() if line.count(",") == 2]
    return [(int(image), int(pid)) for image, pid, _ in whole]


def main(
    pictures: Annotated[int, typer.Option(help="In the catalogue.")] = 20_000,
    workers: Annotated[int, typer.Option(help="Of Ray.")] = 4,
    kills: Annotated[int, typer.Option(help="Workers killed by SIGKILL, at random moments.")] = 2,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 1,
    out: Out = RESULTS,
) -> None:
    """Embed a catalogue for a roll-out, kill workers meanwhile, and count."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="whatsit-ray-") as work:
        models = Path(work, "models")
        old = write_small_embedder(models / "embedder" / "1" / "model.onnx", seed=1)
        new = write_small_embedder(Path(work, "new.onnx"), seed=2)
        catalogue, log = Path(work, "catalogue"), Path(work, "embedded.csv")
        begin = time.monotonic()
        write_catalogue(catalogue, old, pictures, seed)
        console.print(f"{pictures} pictures written in {time.monotonic() - begin:.0f} s")
        begin = time.monotonic()
        cluster = RayCluster("local", workers, cores=0.5, log=log)
        with Killer(log, pictures, kills, seed) as killer, progress_bars() as bar:
            left_out = Rollout(catalogue, models, bar).start(new, embedding=ray_embedding(cluster))
        seconds = time.monotonic() - begin
        phase = rollout_state(catalogue, models).phase
        twice, missing, differing = _check(catalogue, new, pictures)
        done = _lines(log)
    repeated = len(done) - len({image for image, _ in done})
    processes = Counter(pid for _, pid in done)
    columns = ["pictures", "workers", "killed", "killed_after", "processes", "phase", "left_out", "twice", "missing",
               "differing_of_200", "embedded", "repeated", "repeated_share", "seconds"]  # fmt: skip
    after = " ".join(str(place) for _, place in killer.killed)
    line = [pictures, workers, len(killer.killed), after, len(processes), phase, len(left_out), twice, missing,
            differing, len(done), repeated, f"{repeated / pictures:.5f}", round(seconds)]  # fmt: skip
    for name, value in zip(columns, line, strict=True):
        console.print(f"{name:16} {value}")
    _add(out / "loop_ray.csv", columns, line)


def _check(catalogue: Path, network: Path, pictures: int) -> tuple[int, int, int]:
    """Return pictures with two new vectors, with none, and of some those whose vector is not that of the network."""
    fingerprint = embedder_fingerprint(network)
    embedder = RegionEmbedder(network)
    with Store(Layout(catalogue).store, read_only=True) as store:
        with store.snapshot() as connection:
            counts = dict(
                connection.execute(
                    "SELECT image, count(*) FROM vectors WHERE fingerprint = ? GROUP BY image", (fingerprint,)
                )
            )
            rows = connection.execute(
                "SELECT path, vector FROM images JOIN vectors USING (image) WHERE fingerprint = ? "
                "ORDER BY image * 7919 % 20011 LIMIT ?",
                (fingerprint, _CHECKED),
            ).fetchall()
        known = Vector((0.0, 0.0, 64.0, 64.0), np.zeros(128, np.float32))
        differing = 0
        for path, blob in rows:
            (vector,) = embedder(Path(store.places(path)).read_bytes(), [known])
            differing += vector.values.astype("<f4").tobytes() != blob
    embedder.close()
    return sum(number > 1 for number in counts.values()), pictures - len(counts), differing


def _add(file: Path, columns: list[str], line: list[object]) -> None:
    setting = Setting.of_this_machine("perf.loop.ray_rollout")
    rows: list[list[object]] = []
    if file.is_file():
        with file.open(newline="", encoding="utf-8") as known:
            rows = [list[object](row) for row in csv.reader(known)][1:]
    with file.open("w", newline="", encoding="utf-8") as sheet:
        writer = csv.writer(sheet, lineterminator="\n")
        writer.writerows([[*Setting.columns(), *columns], *rows, [*setting.values(), *line]])


if __name__ == "__main__":
    run_command(main)
