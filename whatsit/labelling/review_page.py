"""Review page: a thumbnail of every doubtful box, for any browser, no server."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.labelling.review_table import COLUMNS, doubtful_boxes

_SIDE = 240
_AROUND = 0.6
"""How much of the surroundings a thumbnail shows, as a share of the box's longer side."""


def write_sheet(
    labels: LabelFile,
    photos: Path,
    file: Path,
    title: str,
    table: str,
    track: Callable[[Sequence[tuple[Picture, Box]]], Iterable[tuple[Picture, Box]]] = iter,
) -> None:
    """Write the page.

    Args:
        labels: whose doubtful boxes are shown, numbered as in the table.
        photos: the folder of the pictures.
        file: the HTML file.
        title: of the page.
        table: name of the CSV file that the page's button saves.
        track: wraps the iterable with a progress bar.
    """
    cards, rows = [], []
    for number, (picture, box) in enumerate(track(doubtful_boxes(labels)), start=1):
        score = "" if box.score is None else box.score
        values = (number, picture.file, box.x, box.y, box.width, box.height, box.name, score, "")
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        cards.append(
            f'<figure tabindex="0"><img alt="" src="data:image/jpeg;base64,{_thumbnail(photos / picture.file, box)}">'
            f'<figcaption>{number} <input aria-label="name" value="{html.escape(box.name, quote=True)}"> '
            f"{score} {html.escape(picture.file)}</figcaption></figure>"
        )
    text = files("whatsit.labelling").joinpath("review_page.html").read_text(encoding="utf-8")
    text = text.replace("__TITLE__", html.escape(title)).replace("__TABLE__", html.escape(table))
    # "</" would end the script early if a file were named so.
    text = text.replace("__COLUMNS__", json.dumps(COLUMNS)).replace("__ROWS__", json.dumps(rows).replace("</", "<\\/"))
    file.write_text(text.replace("__CARDS__", "\n".join(cards)), encoding="utf-8")


def _thumbnail(path: Path, box: Box) -> str:
    """Return the framed box as a base64 JPEG; grey where the picture is unreadable."""
    try:
        pixels = _framed(read_rgb(path), box)
    except Damaged:
        pixels = np.full((_SIDE, _SIDE, 3), 200, dtype=np.uint8)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return base64.b64encode(data.tobytes()).decode("ascii")


def _framed(pixels: npt.NDArray[np.uint8], box: Box) -> npt.NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = box.corners
    margin = _AROUND * max(box.width, box.height)
    left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
    right, bottom = min(width, int(x2 + margin) + 1), min(height, int(y2 + margin) + 1)
    view = np.ascontiguousarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])
    scale = _SIDE / max(view.shape[:2])
    size = (max(1, round(view.shape[1] * scale)), max(1, round(view.shape[0] * scale)))
    view = cv2.resize(view, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    corners = [(round((x - left) * scale), round((y - top) * scale)) for x, y in ((x1, y1), (x2, y2))]
    for colour, thickness in (((20, 20, 20), 4), ((255, 255, 255), 2)):
        cv2.rectangle(view, corners[0], corners[1], colour, thickness)
    return np.asarray(view, dtype=np.uint8)
