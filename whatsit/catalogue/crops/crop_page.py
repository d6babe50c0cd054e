"""Page of heat maps of what people cropped, with the boxes that follow."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from whatsit.catalogue.crops.cropped_pictures import CroppedPicture
from whatsit.catalogue.crops.heat_map import caption, coloured, draw_heat_map, heat_map
from whatsit.catalogue.crops.weak_boxes import SURE, WeakBox, WeakPicture
from whatsit.evaluation.datasets.label_file import OBJECT

HEAT = "heat"
_SIDE = 480  # of the overlay: a heat map has no detail
_PHOTO = 960


class CropPage:
    """Writes the page and its pictures, one after the other.

    Args:
        folder: gets `index.html` and `heat/`; photos lie in `pictures/`.
        name: of the catalogue.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._cards: list[str] = []
        self._crops = 0

    def add(
        self, picture: CroppedPicture, weak: WeakPicture, file: str, pixels: npt.NDArray[np.uint8], reviewed: bool
    ) -> None:
        """Draw the heat map of a picture, and add its card."""
        (self._folder / HEAT).mkdir(parents=True, exist_ok=True)
        size, stem = (picture.width, picture.height), Path(file).stem
        scale = _SIDE / max(size)
        shape = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        overlay = Image.fromarray(coloured(heat_map(picture.boxes(), size, shape)), "RGBA")
        overlay.save(self._folder / HEAT / f"{stem}.overlay.png", optimize=True)
        draw_heat_map(pixels, picture.boxes(), size, weak.boxes).save(self._folder / HEAT / f"{stem}.png")
        photo = Image.fromarray(pixels)
        photo.thumbnail((_PHOTO, _PHOTO))
        photo.save(self._folder / HEAT / f"{stem}.jpg", quality=85)
        self._crops += len(picture.crops)
        self._cards.append(_card(picture, weak, stem, reviewed))

    def write(self, boxes: int) -> None:
        """Write the page."""
        count = len(self._cards)
        text = files("whatsit.catalogue.crops").joinpath("crop_page.html").read_text(encoding="utf-8")
        line = f"{_number(count, 'picture')}, {_number(self._crops, 'crop')}, {_number(boxes, 'box', 'boxes')}"
        text = text.replace("__NAME__", escape(self._name)).replace("__LINE__", line)
        (self._folder / "index.html").write_text(text.replace("__CARDS__", "\n".join(self._cards)), encoding="utf-8")


def _card(picture: CroppedPicture, weak: WeakPicture, stem: str, reviewed: bool) -> str:
    width, height = picture.width, picture.height
    frames = "".join(_frame(one, width, height) for one in reversed(weak.boxes))
    rows = "".join(_row(one) for one in weak.boxes if one.weight >= SURE) or '<li class="none">no box yet</li>'
    state = '<span class="tag">reviewed</span>' if reviewed else ""
    known = f"<span>{round(100 * weak.background)} % of what is there seems to be cropped</span>"
    return (
        f'<article><div class="photo" style="aspect-ratio:{width}/{height}"><img loading="lazy" alt="" '
        f'src="heat/{stem}.jpg"><img class="heat" loading="lazy" alt="heat map of the crops" '
        f'src="heat/{stem}.overlay.png"><svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" '
        f'aria-hidden="true">{frames}</svg></div><div class="facts"><b>{_number(len(picture.crops), "crop")}</b>'
        f"{'' if reviewed else known}{state}</div><ul>{rows}</ul></article>"
    )


def _frame(one: WeakBox, width: int, height: int) -> str:
    x1, y1, x2, y2 = np.clip(one.box, 0, [width, height, width, height]).tolist()
    place = f'x="{x1:.0f}" y="{y1:.0f}" width="{x2 - x1:.0f}" height="{y2 - y1:.0f}"'
    sure = f'<rect class="under" {place}/><rect class="sure" {place}/>'
    return sure if one.weight >= SURE else f'<rect class="doubt" {place}/>'


def _row(one: WeakBox) -> str:
    name = "unnamed" if one.name == OBJECT else escape(one.name)
    item = f" <i>{escape(one.item)}</i>" if one.item else ""
    crops = caption(one).rpartition("· ")[2] if len(one.crops) else "drawn by a person"
    return (
        f'<li><span class="bar" style="--share:{one.weight:.2f}"></span><span>{name}{item}</span>'
        f"<small>{crops}</small><b>{round(100 * one.weight)} %</b></li>"
    )


def _number(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"
