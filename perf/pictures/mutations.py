"""Decode mutated picture files in a process of its own and watch it.

python -m perf.pictures.mutations --count 20000 --seed 0  # some minutes; exit code 1 after a crash, hang or failure

A file must be decoded or refused with `InvalidInput`. The process that decodes is started again after a crash or after
10 seconds with one file; its memory is logged every 500 files.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import PIL
import psutil
import typer
from whatsit_client.errors import InvalidInput

from perf.common.command import run_command
from perf.common.setting import RESULTS, Setting
from perf.pictures.samples import SMALL, register_heif, samples
from whatsit.vision.decode import decode_image

SECONDS = 10.0  # with one file
EVERY = 1000  # files a line of the log
COLUMNS = ("files", "opened", "refused", "failed", "slowest_s", "memory_mb")
_EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\xff\xff", b"\1\0\0\0")
_HEADER = 512

Mutation = Callable[[bytearray, random.Random, bytes], None]


def _flip(data: bytearray, rng: random.Random, _: bytes) -> None:
    for _n in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _header(data: bytearray, rng: random.Random, _: bytes) -> None:
    at = rng.randrange(min(len(data), _HEADER))
    value = rng.choice(_EXTREMES)[: rng.choice((1, 2, 4))]
    data[at : at + len(value)] = value


def _cut(data: bytearray, rng: random.Random, _: bytes) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(data: bytearray, rng: random.Random, _: bytes) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 4, 12, 100))]


def _repeat(data: bytearray, rng: random.Random, _: bytes) -> None:
    at = rng.randrange(len(data))
    part = bytes(data[at : at + rng.choice((1, 12, 100, 1000))])
    data[at:at] = part * rng.choice((1, 2, 50))


def _splice(data: bytearray, rng: random.Random, other: bytes) -> None:
    at, start = rng.randrange(len(data)), rng.randrange(len(other))
    data[at : at + 200] = other[start : start + rng.choice((20, 200, 2000))]


def _noise(data: bytearray, rng: random.Random, _: bytes) -> None:
    at = rng.randrange(len(data))
    data[at : at + 32] = rng.randbytes(32)


MUTATIONS: tuple[Mutation, ...] = (_flip, _header, _header, _cut, _remove, _repeat, _splice, _noise)


@lru_cache(maxsize=1)
def seeds() -> list[bytes]:
    """Return the files that are mutated: one small sample of every kind."""
    register_heif()
    return [data for _, data in samples(SMALL) if len(data) < 40_000]


def mutated(files: list[bytes], seed: int, number: int) -> bytes:
    """Return one mutated file; the same for the same arguments."""
    rng = random.Random(f"{seed}-{number}")
    data, other = bytearray(rng.choice(files)), rng.choice(files)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if data:
            rng.choice(MUTATIONS)(data, rng, other)
    return bytes(data)


@dataclass
class Outcome:
    """What became of a number of files."""

    files: int = 0
    opened: int = 0
    refused: int = 0
    failed: int = 0
    slowest: float = 0.0
    memory: int = 0


def decode_all(seed: int, first: int, count: int, reply: Connection | None = None) -> Iterator[Outcome]:
    """Decode mutated files; `reply` gets each number before the file is decoded, and each failure.

    Yields:
        What became of every `EVERY` files.
    """
    files, process, outcome = seeds(), psutil.Process(), Outcome()
    for number in range(first, first + count):
        data = mutated(files, seed, number)
        if reply:
            reply.send(number)
        start = time.perf_counter()
        try:
            decode_image(data, max_side=1024)
            outcome.opened += 1
        except InvalidInput:
            outcome.refused += 1
        except Exception as error:  # what this looks for
            outcome.failed += 1
            print(f"file {number} of seed {seed}: {error!r}", flush=True)
        outcome.slowest = max(outcome.slowest, time.perf_counter() - start)
        outcome.files += 1
        if outcome.files == EVERY or number == first + count - 1:
            outcome.memory = process.memory_info().rss
            yield outcome
            outcome = Outcome()


def _child(seed: int, first: int, count: int, reply: Connection) -> None:
    for outcome in decode_all(seed, first, count, reply):
        reply.send(outcome)


def watch(seed: int, first: int, count: int) -> Iterator[Outcome | str]:
    """Decode in a child process; yield outcomes, and a sentence for each crash and hang."""
    context = multiprocessing.get_context("spawn")
    end = first + count
    while first < end:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(seed, first, end - first, theirs))
        child.start()
        theirs.close()
        try:
            begun = False
            while first < end and ours.poll(SECONDS if begun else 120):
                message = ours.recv()
                if isinstance(message, Outcome):
                    yield message
                    continue
                first, begun = message, True
            else:
                if first < end:
                    yield f"file {first} of seed {seed} took more than {SECONDS:g} s"
                    child.kill()
        except EOFError:
            child.join()
            if child.exitcode == 0:
                return
            yield f"file {first} of seed {seed} ended the process with {child.exitcode}"
        child.join()
        first += 1


def main(
    count: Annotated[int, typer.Option(help="Number of files.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the mutations.")] = 0,
    first: Annotated[int, typer.Option(help="Number of the first file.")] = 0,
    out: Annotated[Path, typer.Option(help="CSV file for the log.")] = RESULTS / "picture_mutations.csv",
) -> None:
    """Decode mutated files and log what became of them."""
    faults = failed = 0
    rows: list[tuple[object, ...]] = []
    setting = Setting.of_this_machine(f"pillow {PIL.__version__}")
    for found in watch(seed, first, count):
        if isinstance(found, str):
            faults += 1
            print(found, flush=True)
            continue
        failed += found.failed
        counts = found.files, found.opened, found.refused, found.failed
        rows.append((*counts, f"{found.slowest:.3f}", found.memory >> 20))
        setting.write(out, COLUMNS, rows)
    print(f"{count} files of seed {seed}: {faults} crashes and hangs, {failed} failures")
    sys.exit(bool(faults or failed))


if __name__ == "__main__":
    run_command(main)
