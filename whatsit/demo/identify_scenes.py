"""Identify the demonstration's pictures on a running server and draw the results."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from whatsit_client import Client, draw
from whatsit_client.identification import Identification

from whatsit.demo.demo_data import DemoData, Query
from whatsit.demo.item_results import TOP, ItemResult, compare


@dataclass(frozen=True)
class Result:
    """One picture, one call.

    Args:
        query: the picture.
        found: what the server said.
        items: one for each true item.
        milliseconds: from sending the file to the parsed answer.
    """

    query: Query
    found: Identification
    items: tuple[ItemResult, ...]
    milliseconds: float


@dataclass(frozen=True)
class Totals:
    """Sums over all pictures.

    Args:
        items: true items.
        seen: of them, those with a region.
        hits: of them, those that are a region's best match.
        in_top: of them, those among a region's first five matches.
        calls: pictures, each in one inference call.
        median_ms: of a call, one caller.
    """

    items: int
    seen: int
    hits: int
    in_top: int
    calls: int
    median_ms: float


def identify_all(queries: Sequence[Query], url: str) -> Iterator[Result]:
    """Identify pictures one after the other over gRPC.

    Args:
        queries: the pictures.
        url: host:port of the server's gRPC endpoint.

    Raises:
        WhatsitError: the server refused a picture or is gone.
    """
    with Client(url) as client:
        for query in queries:
            data = query.image.read_bytes()
            begin = time.perf_counter()
            found = client.identify(data, top_k=max(10, TOP))
            elapsed = (time.perf_counter() - begin) * 1000
            yield Result(query, found, compare(found, query), elapsed)


def sum_results(results: Sequence[Result]) -> Totals:
    """The totals of at least one result."""
    every = [item for result in results for item in result.items]
    times = sorted(result.milliseconds for result in results)
    return Totals(
        items=len(every),
        seen=sum(s.seen for s in every),
        hits=sum(s.hit for s in every),
        in_top=sum(s.in_top for s in every),
        calls=len(results),
        median_ms=times[len(times) // 2],
    )


def save_pictures(data: DemoData, results: Sequence[Result], shown: int = 6) -> tuple[Path, Path]:
    """Save every picture with its regions and matches, and one sheet of several.

    Args:
        data: the demonstration.
        results: of its pictures.
        shown: at most so many pictures are on the sheet.

    Returns:
        The folder of annotated pictures and the sheet.
    """
    folder, sheet = data.folder / "found", data.folder / "demo.png"
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Image.Image] = []
    for result in results:
        picture = draw(result.found, result.query.image)
        picture.save(folder / f"{result.query.image.stem}.jpg", quality=88)
        if len(drawn) < shown:
            drawn.append(picture)
    contact_sheet(drawn).save(sheet)
    return folder, sheet


def contact_sheet(pictures: Sequence[Image.Image], width: int = 900, columns: int = 2) -> Image.Image:
    """Lay pictures out in rows of `columns`, each scaled to `width` pixels."""
    columns = min(columns, len(pictures))
    scaled = [p.resize((width, max(1, round(p.height * width / p.width))), Image.Resampling.LANCZOS) for p in pictures]
    rows = [scaled[k : k + columns] for k in range(0, len(scaled), columns)]
    heights = [max(p.height for p in row) for row in rows]
    gap = 16
    size = (columns * (width + gap) + gap, sum(heights) + gap * (len(rows) + 1))
    sheet, top = Image.new("RGB", size, (255, 255, 255)), gap
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            sheet.paste(picture, (gap + column * (width + gap), top))
        top += height + gap
    return sheet
