"""Boxes and their number tags on the photo."""

from __future__ import annotations

from PIL import Image, ImageDraw

from whatsit_client.drawing.style import Style, colour, ink_on
from whatsit_client.identification import Identification
from whatsit_client.types import Region

Corners = tuple[int, int, int, int]

_EMPTY = "#b8bec8"


def draw_boxes(
    photo: Image.Image, result: Identification, found: set[int], scale: tuple[float, float], style: Style
) -> None:
    """Draw every region but the whole picture; those in `found` get colour and tag.

    Args:
        photo: drawn upon.
        result: its boxes are pixels of the full picture.
        found: the regions that have a card.
        scale: pixels of `photo` per pixel of the full picture, across and down.
        style: measures.
    """
    pen = ImageDraw.Draw(photo)
    boxes = {
        index: _corners(region, scale, photo.size)
        for index, region in enumerate(result.regions)
        if index or found == {0}
    }
    line = max(2, round(style.unit / 6))
    for index, box in boxes.items():
        if index not in found:
            _frame(pen, box, _EMPTY, max(1, line // 2))
    # Large boxes first, so that the lines of small ones stay whole.
    coloured = sorted((index for index in boxes if index in found), key=lambda index: -_area(boxes[index]))
    for index in coloured:
        _frame(pen, boxes[index], colour(index), line)
    taken: list[Corners] = []
    for index in sorted(coloured):
        doubt = "?" if result.answer.state_of(index) == "unsure" else ""
        taken.append(_tag(pen, boxes[index], f"{index}{doubt}", index, result.regions[index], taken, photo.size, style))


def _corners(region: Region, scale: tuple[float, float], size: tuple[int, int]) -> Corners:
    x1, y1, x2, y2 = region.box
    across, down = scale
    left, top = (min(max(round(v), 0), most - 1) for v, most in ((x1 * across, size[0]), (y1 * down, size[1])))
    right = min(max(round(x2 * across) - 1, left), size[0] - 1)
    bottom = min(max(round(y2 * down) - 1, top), size[1] - 1)
    return left, top, right, bottom


def _area(box: Corners) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _frame(pen: ImageDraw.ImageDraw, box: Corners, ink: str, line: int) -> None:
    """Draw a coloured line with a dark casing."""
    casing = max(1, line // 3)
    for inset, shade, width in ((0, "#101216", line + 2 * casing), (casing, ink, line)):
        left, top, right, bottom = box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset
        if right > left and bottom > top:
            pen.rectangle((left, top, right, bottom), outline=shade, width=width)
        else:
            pen.rectangle(box, outline=ink, width=1)


def _tag(
    pen: ImageDraw.ImageDraw,
    box: Corners,
    number: str,
    index: int,
    region: Region,
    taken: list[Corners],
    size: tuple[int, int],
    style: Style,
) -> Corners:
    pad = max(2, round(style.unit / 3.5))
    space = max(box[2] - box[0] - 2 * pad, 0)
    text, font = style.line(number, 0.95)
    if region.matches and not number.endswith("?") and space > 7 * style.unit:
        item = region.matches[0].item
        text, font = style.line(f"{index} {item.title or item.id}", 0.95, space)
    width, height = round(font.getlength(text)) + 2 * pad, round(style.unit * 1.5)
    left, top = _free_place(box, (width, height), taken, size)
    corners = (left, top, left + width, top + height)
    ink = colour(index)
    pen.rounded_rectangle(corners, radius=pad, fill=ink)
    pen.text((left + pad, top + height // 2), text, fill=ink_on(ink), font=font, anchor="lm")
    return corners


def _free_place(box: Corners, tag: tuple[int, int], taken: list[Corners], size: tuple[int, int]) -> tuple[int, int]:
    """Return the first corner of the box where the tag covers no other tag."""
    left, top, right, bottom = box
    width, height = tag
    upper, lower, far = top - height, bottom - height, right - width
    places = ((left, upper), (left, top), (far, top), (left, lower), (far, lower), (left, bottom), (far, upper))
    inside = [
        (min(max(x, 0), max(size[0] - width - 1, 0)), min(max(y, 0), max(size[1] - height - 1, 0))) for x, y in places
    ]
    for x, y in inside:
        if not any(x < t[2] and t[0] < x + width and y < t[3] and t[1] < y + height for t in taken):
            return x, y
    return inside[1]
