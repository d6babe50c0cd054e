"""Memory of `whatsit catalogue add` over many pictures."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from perf.common.tables import chart
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import catalogue_picture, encode_jpeg

DISTINCT = 500
SIDE = 160
SHARD = 10_000
_EVERY_SECONDS = 2.0


@dataclass(frozen=True)
class Sample:
    """One sample of the process.

    Args:
        seconds: since its start.
        items: in the catalogue.
        rss_mb: its resident memory, MB.
        store_mb: of the SQLite file, MB.
    """

    seconds: float
    items: int
    rss_mb: float
    store_mb: float


def write_shards(folder: Path, rows: int, advanced: Callable[[int, int], None]) -> Path:
    """Write tar shards with so many pictures, no two of the same bytes.

    Returns:
        The pattern of their names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    products = make_products(DISTINCT, 3)
    pictures = [encode_jpeg(catalogue_picture(product, SIDE)) for product in products]
    for start in range(0, rows, SHARD):
        with tarfile.open(folder / f"shard-{start // SHARD:06d}.tar", "w") as tar:
            for number in range(start, min(start + SHARD, rows)):
                product = products[number % DISTINCT]
                words = {"title": product.title, "brand": product.brand, "category": product.category}
                _add(tar, f"{number:08d}.jpg", _commented(pictures[number % DISTINCT], f"row {number}".encode()))
                _add(tar, f"{number:08d}.json", json.dumps(words).encode())
        advanced(min(start + SHARD, rows), rows)
    return folder / "shard-*.tar"


def samples(catalogue: Path, source: Path, workers: int) -> Iterator[Sample]:
    """Run the command on the shards and sample it every two seconds.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "whatsit.cli", "catalogue", "add", str(catalogue), str(source)]
    started = time.monotonic()
    with (catalogue.parent / "add.log").open("w") as log:
        process = subprocess.Popen([*command, "--workers", str(workers)], stdout=log, stderr=log)
    try:
        while process.poll() is None:
            yield Sample(time.monotonic() - started, items_in(catalogue), _rss_mb(process.pid), _size_mb(catalogue))
            time.sleep(_EVERY_SECONDS)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def items_in(catalogue: Path) -> int:
    """How many items the store holds; 0 where there is none yet."""
    path = catalogue / "catalogue.sqlite"
    if not path.is_file():
        return 0
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            return int(connection.execute("SELECT coalesce(max(number), 0) FROM items").fetchone()[0])
        except sqlite3.OperationalError:  # the tables are being made
            return 0


def draw(found: list[Sample], path: Path) -> None:
    """Memory against items."""
    title = "whatsit catalogue add: memory"
    with chart(path, ("items in the catalogue", "MB"), (7, 3.5), title=title) as axes:
        items = [one.items for one in found]
        axes.plot(items, [one.rss_mb for one in found], label="resident memory of the process")
        axes.plot(items, [one.store_mb for one in found], label="catalogue on disk")
        axes.set_ylim(bottom=0)


def _commented(jpeg: bytes, text: bytes) -> bytes:
    """Return a JPEG file with a comment behind its first marker."""
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _rss_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    except psutil.Error:  # it ended meanwhile
        return 0.0


def _size_mb(catalogue: Path) -> float:
    path = catalogue / "catalogue.sqlite"
    return path.stat().st_size / 1e6 if path.is_file() else 0.0
