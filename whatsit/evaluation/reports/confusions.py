"""The hardest confusions of a search as rows: query, right entry, found entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from whatsit.evaluation.metrics.recall import Vectors, cosine

_SIDE, _CAPTION = 160, 18


@dataclass(frozen=True)
class Confusion:
    """A query whose nearest entry is of another label.

    Attributes:
        query: its row.
        right: the nearest gallery row of its label.
        found: the nearest gallery row of all.
        gap: by how much cosine `found` is nearer than `right`.
    """

    query: int
    right: int
    found: int
    gap: float


def hardest_confusions(
    queries: Vectors,
    gallery: Vectors,
    labels: Sequence[int] | npt.NDArray[np.int64],
    known: Sequence[int] | npt.NDArray[np.int64],
    count: int = 12,
) -> list[Confusion]:
    """Return the confusions with the largest gap, each pair of labels once.

    Labels that the gallery lacks are left out.

    Args:
        queries: f32 [n, d] of any length but zero.
        gallery: f32 [m, d].
        labels: of the queries.
        known: of the gallery.
        count: at most so many.
    """
    similar = cosine(queries, gallery)
    same_label = np.asarray(known)[None] == np.asarray(labels)[:, None]
    right = np.where(same_label, similar, -np.inf).argmax(axis=1)
    found = similar.argmax(axis=1)
    rows = np.arange(len(similar))
    gaps = similar[rows, found] - similar[rows, right]
    chosen: dict[tuple[int, int], Confusion] = {}
    for row in np.argsort(-gaps, kind="stable"):
        pair = int(labels[row]), int(known[found[row]])
        if pair[0] != pair[1] and same_label[row].any() and len(chosen) < count:
            chosen.setdefault(pair, Confusion(int(row), int(right[row]), int(found[row]), float(gaps[row])))
    return list(chosen.values())


def draw_confusions(
    confusions: Sequence[Confusion],
    queries: Sequence[Path],
    gallery: Sequence[Path],
    names: tuple[Sequence[str], Sequence[str]],
    file: Path,
) -> None:
    """Write a PNG with a row for each confusion: query, right entry, found entry.

    Args:
        confusions: rows of `queries` and `gallery`.
        queries: pictures of the queries.
        gallery: pictures of the gallery.
        names: captions of queries and gallery.
        file: the PNG.
    """
    height = _SIDE + _CAPTION
    sheet = Pillow.new("RGB", (3 * _SIDE, max(1, len(confusions)) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for place, c in enumerate(confusions):
        cells = (
            (queries[c.query], names[0][c.query]),
            (gallery[c.right], f"right: {names[1][c.right]}"),
            (gallery[c.found], f"found: {names[1][c.found]}"),
        )
        for column, (path, caption) in enumerate(cells):
            with Pillow.open(path) as picture:
                small = picture.convert("RGB").resize((_SIDE - 4, _SIDE - 4))
            sheet.paste(small, (column * _SIDE + 2, place * height + 2))
            draw.text((column * _SIDE + 4, place * height + _SIDE), caption[:26], fill="black")
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file)
