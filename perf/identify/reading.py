"""Words: R@1 with and without `read`, milliseconds, and that nothing is loaded where nothing is read.

python -m perf.identify.reading  # some 10 minutes; writes perf/results/reading.md

Rendered lines and labels are photographed; the catalogue holds their shop pictures, and titles that name the print.
Of the Grocery Store data set, the val photos of packages are sent against its 81 shop images. Each photo is one region.
Weight and closeness of the stage were chosen on the rendered shop 3 and labels of shop 5, which are not measured here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from perf.common.command import DATA, Data, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tables import markdown
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions
from whatsit.rendering.photo import photograph
from whatsit.rendering.printed_labels import draw_label, label_lines
from whatsit.rendering.product import draw, make_products
from whatsit.rendering.shop import catalogue_picture, encode_jpeg, save_jpeg
from whatsit.search.clues import Clues, Pixels
from whatsit.search.retriever import Retriever
from whatsit.search.search_options import SearchOptions
from whatsit.vision.boxes import FloatArray
from whatsit.vision.text_reader import TextLine, read_text
from whatsit.vision.text_texture import has_text_texture

SHOP, LABELS_SHOP = 31, 41
WAYS = ("off", "on", "auto")
Row = tuple[object, ...]

# A call that reads nothing, in a process of its own: what it has loaded, and what the stage's question costs.
_PROFILE = """
import sys, time, json
import numpy as np
from whatsit.ranking.matches import Matches
from whatsit.ranking.words import Read
from whatsit.search.retriever import Retriever
from whatsit.vision.boxes import FloatArray
from whatsit.vision.text_reader import can_read_text, is_loaded
class Context:
    def has_text(self): return False
scores = np.linspace(1.5, 1.0, 30, dtype=np.float32)
apart = Matches(np.arange(30), scores, ("",) * 30, context=Context())
close = Matches(np.arange(30), scores * 0 + 1.5, ("",) * 30, context=Context())
found = {"can": can_read_text()}
for name, matches in (("apart", apart), ("close", close)):
    begin = time.thread_time()
    for _ in range(2000):
        assert Read(only_close=True)(matches) is matches
    found[name] = (time.thread_time() - begin) / 2000 * 1e6
found["loaded"] = [name for name in ("rapidocr", "rapidfuzz") if name in sys.modules] + ["networks"] * is_loaded()
print(json.dumps(found))
"""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo and the id of its item."""

    data: bytes
    item: str


def main(
    products: Annotated[int, typer.Option(help="Rendered products of lines of two to four.")] = 60,
    labels: Annotated[int, typer.Option(help="Labels of ten lines.")] = 50,
    groceries: Annotated[int, typer.Option(help="Photos of packages.")] = 50,
    data: Data = DATA,
    file: Annotated[Path, typer.Option(help="The page of results.")] = RESULTS / "reading.md",
) -> None:
    """Measure reading of words, and write the page."""
    setting = Setting.of_this_machine("rapidocr 3.10.0, rapidfuzz 3.14.6")
    with tempfile.TemporaryDirectory(prefix="whatsit-reading-") as folder, Networks() as networks:
        work = Path(folder)
        rows = [
            measure("rendered lines", *rendered(work / "lines", products), networks),
            measure("labels of ten lines", *printed(work / "labels", labels), networks),
            measure("grocery val, packages", *packages(work / "grocery", data, groceries), networks),
        ]
    idle = json.loads(
        subprocess.run([sys.executable, "-c", _PROFILE], check=True, capture_output=True, text=True).stdout
    )
    lines = [
        "# Reading words",
        "",
        f"`python -m perf.identify.reading`, {setting.date}, commit {setting.commit}, {setting.processor}, "
        f"{setting.cores} cores. Milliseconds are processor time of all threads: other work ran on the machine.",
        "",
        "R@1 of one region per photo, INT8 embedder as shipped. `auto` reads where the first matches are close and the "
        "region looks like print.",
        "",
        *markdown(
            ["data", "photos", "`off`, %", "`on`, %", "`auto`, %", "read by `auto`, %", "ms to read a picture",
             "ms to match", "ms to look for print"],
            rows,
        ),
        "",
        "Where nothing is read, in a fresh process with the engine installed "
        f"({idle['can']}): loaded of rapidocr, rapidfuzz and networks: {', '.join(idle['loaded']) or 'nothing'}; "
        f"the stage's question costs {idle['apart']:.0f} microseconds where matches are apart, {idle['close']:.0f} "
        "where they are close and nothing looks printed. Without the stage (the default) it is not asked.",
    ]  # fmt: skip
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def rendered(work: Path, count: int, seed: int = SHOP) -> tuple[Path, list[Photo]]:
    """Return a catalogue of rendered products, and a photo of each."""
    work.mkdir(parents=True, exist_ok=True)
    photos, rows = [], []
    for number, product in enumerate(make_products(count, seed)):
        save_jpeg(work / f"{product.id}.jpg", catalogue_picture(product, 480))
        rows.append({"id": product.id, "title": product.title, "brand": product.brand, "image": f"{product.id}.jpg"})
        taken, _ = photograph(draw(product, 700, 1), np.random.default_rng([number, seed]), (768, 768), strength=0.4)
        photos.append(Photo(encode_jpeg(taken), product.id))
    return _publish(work, rows), photos


def printed(work: Path, count: int, seed: int = LABELS_SHOP) -> tuple[Path, list[Photo]]:
    """Return a catalogue of labels, and a photo of each."""
    work.mkdir(parents=True, exist_ok=True)
    photos, rows = [], []
    for number in range(count):
        save_jpeg(work / f"{number}.jpg", draw_label(number, seed, 480))
        first, second, *_, year = label_lines(number, seed)
        rows.append({"id": f"l{number}", "title": f"{first} {second} {year}", "image": f"{number}.jpg"})
        rng = np.random.default_rng([number, seed])
        taken, _ = photograph(draw_label(number, seed, 640), rng, (600, 768), strength=0.5)
        photos.append(Photo(encode_jpeg(taken), f"l{number}"))
    return _publish(work, rows), photos


def packages(work: Path, data: Path, count: int) -> tuple[Path, list[Photo]]:
    """Return a catalogue of the grocery shop images, and val photos of packages."""
    store = GroceryStore(data / "grocery_store")
    rows = [{"id": item.name, "title": item.name, "image": str(item.image.resolve())} for item in store.gallery()]
    taken = [(path, item) for path, item in store.photos() if item.group == "packages"]
    step = max(1, len(taken) // count)
    return _publish(work, rows), [Photo(path.read_bytes(), item.name) for path, item in taken[::step][:count]]


def measure(name: str, catalogue: Path, photos: Sequence[Photo], networks: Networks) -> Row:
    """Return a row of the table."""
    retriever = Retriever(catalogue, networks.fingerprint, min_score=0.9)
    hits = np.zeros((len(photos), len(WAYS)))
    times: list[tuple[float, float, float]] = []
    asked = 0
    for place, (photo, vector, pixels, lines, reading) in enumerate(_read(photos, networks)):
        begin = time.thread_time()
        has_text_texture(pixels)
        looking = time.thread_time() - begin
        reads: list[int] = []
        boxes = np.array([[0, 0, pixels.shape[1], pixels.shape[0]]], dtype=np.float32)

        def known(_: Pixels, lines: tuple[TextLine, ...] = lines, reads: list[int] = reads) -> tuple[TextLine, ...]:
            reads.append(1)
            return lines

        matching = 0.0
        for column, way in enumerate(WAYS):
            clues = Clues(boxes, pixels=pixels, reader=known)
            reads.clear()
            begin = time.thread_time()
            found = retriever(vector, np.ones(1, dtype=np.float32), SearchOptions(read=way), clues=clues)
            matching += (time.thread_time() - begin) * {"off": -1, "on": 1, "auto": 0}[way]
            first = found.regions[0].numbers[:1].tolist()
            hits[place, column] = bool(first) and found.records[first[0]]["id"] == photo.item
        asked += len(reads)
        times.append((reading, matching, looking))
    shares = [f"{100 * share:.1f}" for share in hits.mean(axis=0)]
    print(f"{name}: {shares}", flush=True)
    read_ms, match_ms, look_ms = 1000 * np.median(np.array(times), axis=0)
    return (
        name,
        len(photos),
        *shares,
        f"{100 * asked / len(photos):.0f}",
        f"{read_ms:.0f}",
        f"{match_ms:.1f}",
        f"{look_ms:.1f}",
    )


def _read(
    photos: Sequence[Photo], networks: Networks
) -> Iterator[tuple[Photo, FloatArray, Pixels, tuple[TextLine, ...], float]]:
    """Yield each photo with its vector, pixels, lines of text, and seconds of reading."""
    read_text(np.full((64, 64, 3), 255, np.uint8))  # loads the networks
    for photo in photos:
        picture = decode_picture(photo.data)
        vector = embed_regions(picture, picture.whole, networks.embedder)
        begin = time.process_time()
        lines = read_text(picture.pixels)
        yield photo, vector, picture.pixels, lines, time.process_time() - begin


def _publish(work: Path, rows: Sequence[dict[str, str]]) -> Path:
    work.mkdir(parents=True, exist_ok=True)
    source = work / "items.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    add_to_catalogue(work / "catalogue", source, publish=True)
    return work / "catalogue"


if __name__ == "__main__":
    run_command(main)
