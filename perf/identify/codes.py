"""Codes: exact answers on distorted packages, false ones, milliseconds.

python -m perf.identify.codes  # some 4 minutes; writes perf/results/codes.md

Five hundred products of the rendered shop are a catalogue, each with an EAN-13; every second package bears it as a
barcode, the others as a QR code with a GS1 digital link. A photo goes through the steps' own functions: JPEG file,
decoding, `picture_codes`, look-up in the store. A photo is right where the items of its codes are exactly its own.
Photos of the data sets bear no code of the catalogue; any code that is read in them is listed.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from whatsit_client.errors import InvalidInput

from perf.common.command import DATA, Data, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tables import markdown
from perf.identify.coded_packages import DISTORTIONS, SIDE, ean_of, package, photograph_of
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.store.store import Store
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.picture_codes import picture_codes
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import encode_jpeg
from whatsit.vision.code_reader import ReadCode

SEED = 21
SPREAD = 5  # each package is photographed under every fifth distortion
TIMED = 4  # every fourth photo without a code is also read with `auto`, for its time
SETS = ("grocery_store", "clothing_small", "imagenet_sample", "ikea")
_KINDS = (".jpg", ".jpeg", ".png", ".webp")

Row = tuple[object, ...]


def main(
    packages: Annotated[int, typer.Option(help="How many are photographed.")] = 500,
    photos: Annotated[int, typer.Option(help="Of the data sets, without codes.")] = 2000,
    data: Data = DATA,
    file: Annotated[Path, typer.Option(help="The page of results.")] = RESULTS / "codes.md",
) -> None:
    """Measure reading of codes, and write the page."""
    setting = Setting.of_this_machine("zxing-cpp 3.1.1")
    with tempfile.TemporaryDirectory(prefix="whatsit-codes-") as folder, ProcessPoolExecutor(2) as pool:
        path = Path(folder, "c.sqlite")
        with Store(path) as store:
            _fill(store, packages)
        coded = pool.submit(_rows_of_packages, path, packages)
        false = pool.submit(_rows_of_photos, path, data, photos).result()
        rows = coded.result()
    lines = [
        "# Codes",
        "",
        f"`python -m perf.identify.codes`, {setting.date}, commit {setting.commit}, {setting.processor}, "
        f"{setting.cores} cores. Milliseconds are processor time of one thread: other work ran on the machine.",
        "",
        f"{packages} packages of the rendered shop, photos of {SIDE} x {SIDE} pixels; a barcode takes 330 of them in "
        "width, a QR code 220, before the distortion. Right: the code names exactly its item. `on` also looks for more "
        "kinds and for light codes on dark, and decodes large files once more; photos here have no more pixels. "
        "Each package is photographed under a fifth of the distortions.",
        "",
        *markdown(
            [
                "distortion",
                "photos",
                "EAN-13 `auto`, %",
                "QR `auto`, %",
                "EAN-13 `on`, %",
                "QR `on`, %",
                "wrong item",
                "ms `auto`",
            ],
            rows,
        ),
        "",
        "Photos without a code of the catalogue, read with `on`:",
        "",
        *markdown(["data set", "photos", "codes read", "items named", "ms `auto`", "ms `on`"], false),
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def _rows_of_packages(path: Path, packages: int) -> list[Row]:
    with Store(path, read_only=True) as store:
        return list(_packages(store, packages))


def _rows_of_photos(path: Path, data: Path, photos: int) -> list[Row]:
    with Store(path, read_only=True) as store:
        return list(_false(store, data, photos))


def _fill(store: Store, packages: int) -> None:
    vector = Vector((0, 0, 1, 1), np.eye(8, dtype=np.float32)[0])
    store.put(
        (
            ItemFields(f"p{number}", attributes={"ean": ean_of(number)}),
            [Picture(f"{number}.jpg", f"{number}", (vector,))],
            "e",
        )
        for number in range(packages)
    )


def _packages(store: Store, packages: int) -> Iterator[Row]:
    """Yield a row of the table for each distortion."""
    tables: list[list[tuple[bool, bool, bool, float, int]]] = [[] for _ in DISTORTIONS]
    for number, product in enumerate(make_products(packages, SEED)):
        page = package(product, number)
        for place in range(number // 2 % SPREAD, len(DISTORTIONS), SPREAD):
            data = encode_jpeg(photograph_of(page, DISTORTIONS[place], number), DISTORTIONS[place].quality)
            picture = decode_picture(data)
            begin = time.thread_time()
            usual = _named(store, picture_codes(data, picture, False))
            spent = 1000 * (time.thread_time() - begin)
            right = usual == {number + 1}
            thorough = usual if right else _named(store, picture_codes(data, picture, True))
            wrong = bool((usual | thorough) - {number + 1})
            tables[place].append((right, thorough == {number + 1}, wrong, spent, number % 2))
    for table, distortion in zip(tables, DISTORTIONS, strict=True):
        shares = []
        for column in (0, 1):
            for kind in (0, 1):
                hits = [row[column] for row in table if row[4] == kind]
                shares.append(f"{100 * sum(hits) / max(len(hits), 1):.0f}")
        spent = float(np.median([row[3] for row in table]))
        yield distortion.name, len(table), *shares, sum(row[2] for row in table), f"{spent:.1f}"


def _false(store: Store, data: Path, photos: int) -> Iterator[Row]:
    """Yield a row of the table for each data set."""
    for name in SETS:
        paths = [path for path in sorted((data / name).rglob("*")) if path.suffix.lower() in _KINDS]
        if not paths:
            raise InvalidInput(f"There are no pictures in {data / name}: docs/data.md names the data sets' sources.")
        chosen = random.Random(0).sample(paths, min(len(paths), photos // len(SETS)))
        read, named, usual, thorough = 0, 0, [], []
        for place, path in enumerate(chosen):
            picture = decode_picture(file := path.read_bytes())
            begin = time.thread_time()
            codes = picture_codes(file, picture, True)
            between = time.thread_time()
            thorough.append(between - begin)
            if place % TIMED == 0:
                picture_codes(file, picture, False)
                usual.append(time.thread_time() - between)
            read += len(codes)
            named += len(_named(store, codes))
            for code in codes:
                print(f"{path}: {code.format} {code.text[:60]!r}", flush=True)
        yield name, len(chosen), read, named, f"{1000 * np.mean(usual):.1f}", f"{1000 * np.mean(thorough):.1f}"


def _named(store: Store, codes: Sequence[ReadCode]) -> set[int]:
    """Return the items of codes."""
    owners = store.codes.items([code.text for code in codes])
    return {number for numbers in owners.values() for number in numbers}


if __name__ == "__main__":
    run_command(main)
