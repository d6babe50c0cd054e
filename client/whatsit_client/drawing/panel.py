"""The panel beside the photo: a card for each region with its best matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image, ImageDraw

from whatsit_client.drawing.style import CARD, FAINT, INK, MUTED, Style, ink_on
from whatsit_client.encode import open_upright
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Item, Match, Region

_HEAD, _ROW, _THUMBNAIL, _PAD, _BETWEEN = 2.2, 3.6, 3.0, 0.5, 0.7  # in units of the style


@dataclass(frozen=True)
class Card:
    """The card of one region.

    Args:
        index: number of the region.
        region: the region.
        colour: of its box.
        most: at most so many matches.
    """

    index: int
    region: Region
    colour: str
    most: int

    @property
    def shown(self) -> int:
        """Return the number of matches on the card."""
        return min(self.most, len(self.region.matches))

    def limited(self, most: int) -> Card:
        """Return the card with at most `most` matches."""
        return replace(self, most=min(most, self.most))


@dataclass(frozen=True)
class Panel:
    """Cards in columns of about equal length.

    Args:
        cards: in reading order, down the first column and on in the next.
        columns: 1 or more.
        style: measures.
    """

    cards: tuple[Card, ...]
    columns: int
    style: Style

    @classmethod
    def fitting(cls, cards: Sequence[Card], height: int, style: Style) -> Panel:
        """Return the panel that shows most matches within `height` pixels.

        Where nothing fits it is higher: every card shows its best match.
        """
        most = max((card.shown for card in cards), default=1)
        layouts = [*((1, shown) for shown in range(most, 1, -1)), *((2, shown) for shown in range(most, 0, -1))]
        panels = [cls(tuple(card.limited(shown) for card in cards), columns, style) for columns, shown in layouts]
        if len(cards) < 2 or most == 1:
            panels.insert(0, cls(tuple(cards), 1, style))
        return next((panel for panel in panels if panel.height <= height), panels[-1] if len(cards) > 1 else panels[0])

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return self.columns * (self.style.column_width + self.style.gap) - self.style.gap

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        between = round(_BETWEEN * self.style.unit)
        return max((sum(_height(card, self.style) + between for card in column) for column in self._split()), default=0)

    def draw(self, canvas: Image.Image, place: tuple[int, int]) -> None:
        """Draw the cards on the canvas from `place`, the panel's upper left corner."""
        left, start = place
        for column in self._split():
            top = start
            for card in column:
                _draw_card(canvas, left, top, card, self.style)
                top += _height(card, self.style) + round(_BETWEEN * self.style.unit)
            left += self.style.column_width + self.style.gap

    def _split(self) -> list[tuple[Card, ...]]:
        length = -(-len(self.cards) // self.columns)
        return [self.cards[start : start + length] for start in range(0, len(self.cards), max(length, 1))]


def _height(card: Card, style: Style) -> int:
    return round((_HEAD + card.shown * _ROW + _PAD) * style.unit)


def _draw_card(canvas: Image.Image, left: int, top: int, card: Card, style: Style) -> None:
    unit = style.unit
    pen = ImageDraw.Draw(canvas)
    right, bottom = left + style.column_width, top + _height(card, style)
    radius = round(unit / 2)
    pen.rounded_rectangle((left, top, right - 1, bottom - 1), radius, fill=card.colour)
    bar = max(3, round(unit / 3))
    pen.rounded_rectangle((left + bar, top, right - 1, bottom - 1), radius, fill=CARD)

    middle = top + round(_HEAD * unit / 2)
    chip = (left + bar + round(_PAD * unit), middle - round(0.75 * unit))
    number = str(card.index)
    width = round((0.8 + 0.8 * len(number)) * unit)
    pen.rounded_rectangle((*chip, chip[0] + width, chip[1] + round(1.5 * unit)), round(unit / 3.5), fill=card.colour)
    style.write(pen, (chip[0] + width // 2, middle), number, 0.95, ink_on(card.colour), anchor="mm")
    name_left = chip[0] + width + round(0.6 * unit)
    style.write(pen, (name_left, middle), _name(card.region), 0.95, MUTED, right - unit - name_left, "lm")

    row = top + round(_HEAD * unit)
    for match in card.region.matches[: card.shown]:
        _draw_match(canvas, (left + bar + round(_PAD * unit), row), match, card.colour, style)
        row += round(_ROW * unit)


def _name(region: Region) -> str:
    named = {"image": "whole picture", "caller": "your box"}
    return named.get(region.label) or f"{region.label} {region.score:.0%}"


def _draw_match(canvas: Image.Image, place: tuple[int, int], match: Match, colour: str, style: Style) -> None:
    unit = style.unit
    left, top = place
    pen = ImageDraw.Draw(canvas)
    side = round(_THUMBNAIL * unit)
    _draw_thumbnail(canvas, (left, top), side, match.item, style)

    text_left = left + side + round(0.7 * unit)
    score_width = round(3.2 * unit)
    text_right = left + style.column_width - round(2.0 * unit)
    width = text_right - text_left - score_width - round(0.4 * unit)
    title = match.item.title or match.item.id
    style.write(pen, (text_left, top + round(0.2 * unit)), title, 1.0, INK, width)
    style.write(pen, (text_left, top + round(1.65 * unit)), _details(match.item), 0.8, MUTED, width)

    score_left = text_right - score_width
    style.write(pen, (text_right, top + round(0.2 * unit)), f"{match.score:.2f}", 1.0, INK, anchor="ra")
    bar_top, thick = top + round(1.9 * unit), max(3, round(unit / 3))
    pen.rounded_rectangle((score_left, bar_top, text_right, bar_top + thick), thick // 2, fill=FAINT)
    filled = round(score_width * min(max(match.score / 2, 0.0), 1.0))
    if filled > thick:
        pen.rounded_rectangle((score_left, bar_top, score_left + filled, bar_top + thick), thick // 2, fill=colour)


def _details(item: Item) -> str:
    price = "" if item.price is None else f"{item.price:.2f}"
    brand = "" if item.brand.casefold() in item.title.casefold() else item.brand
    return " · ".join(part for part in (brand, item.category, price) if part) or item.id


def _draw_thumbnail(canvas: Image.Image, place: tuple[int, int], side: int, item: Item, style: Style) -> None:
    left, top = place
    pen = ImageDraw.Draw(canvas)
    pen.rounded_rectangle((left, top, left + side - 1, top + side - 1), round(style.unit / 4), outline=FAINT)
    picture = _local_picture(item.image)
    if picture is None:
        middle = (left + side // 2, top + side // 2)
        style.write(pen, middle, (item.title or item.id)[:1].upper(), 1.8, FAINT, anchor="mm")
        return
    picture.thumbnail((side - 2, side - 2))
    canvas.paste(picture, (left + (side - picture.width) // 2, top + (side - picture.height) // 2))


def _local_picture(image: str) -> Image.Image | None:
    """Return the item's picture where it is a readable local file."""
    parts = urlsplit(image)
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(image)
    try:
        return open_upright(path) if image and path.is_file() else None
    except (InvalidInput, OSError, ValueError):
        return None
