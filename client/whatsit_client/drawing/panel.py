"""The panel beside the photo: a card for each region with its best matches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image, ImageDraw

from whatsit_client.drawing.style import CARD, FAINT, INK, MUTED, Style, ink_on, text_line
from whatsit_client.errors import InvalidInput
from whatsit_client.image import open_upright
from whatsit_client.types import Item, Match, Region

_HEAD, _ROW, _THUMBNAIL, _PAD, _BETWEEN = 2.2, 3.6, 3.0, 0.5, 0.7  # in units of the style


@dataclass(frozen=True)
class Card:
    """What the panel shows of one region.

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
        """Matches on the card."""
        return min(self.most, len(self.region.matches))

    def limited(self, most: int) -> Card:
        """The card with at most `most` matches."""
        return replace(self, most=min(most, self.most))


def panel_height(cards: list[Card], style: Style) -> int:
    """Pixels that the cards take one above the other."""
    between = round(_BETWEEN * style.unit)
    return sum(_height(card, style) + between for card in cards) - (between if cards else 0)


def draw_cards(canvas: Image.Image, place: tuple[int, int], cards: list[Card], style: Style) -> None:
    """Draw the cards downwards from `place`, the panel's upper left corner."""
    left, top = place
    for card in cards:
        _draw_card(canvas, left, top, card, style)
        top += _height(card, style) + round(_BETWEEN * style.unit)


def _height(card: Card, style: Style) -> int:
    return round((_HEAD + card.shown * _ROW + _PAD) * style.unit)


def _draw_card(canvas: Image.Image, left: int, top: int, card: Card, style: Style) -> None:
    unit = style.unit
    pen = ImageDraw.Draw(canvas)
    right, bottom = left + style.panel_width, top + _height(card, style)
    radius = round(unit / 2)
    pen.rounded_rectangle((left, top, right - 1, bottom - 1), radius, fill=card.colour)
    bar = max(3, round(unit / 3))
    pen.rounded_rectangle((left + bar, top, right - 1, bottom - 1), radius, fill=CARD)

    middle = top + round(_HEAD * unit / 2)
    chip = (left + bar + round(_PAD * unit), middle - round(0.75 * unit))
    number = str(card.index)
    font = style.font(0.95)
    width = max(round(1.6 * unit), round(font.getlength(number) + 0.8 * unit))
    pen.rounded_rectangle((*chip, chip[0] + width, chip[1] + round(1.5 * unit)), round(unit / 3.5), fill=card.colour)
    pen.text((chip[0] + width // 2, middle), number, fill=ink_on(card.colour), font=font, anchor="mm")
    pen.text((chip[0] + width + round(0.6 * unit), middle), _name(card.region), fill=MUTED, font=font, anchor="lm")

    row = top + round(_HEAD * unit)
    for match in card.region.matches[: card.shown]:
        _draw_match(canvas, (left + bar + round(_PAD * unit), row), match, card.colour, style)
        row += round(_ROW * unit)


def _name(region: Region) -> str:
    named = {"image": "whole picture", "box": "your box"}
    return named.get(region.label) or f"{region.label} {region.score:.0%}"


def _draw_match(canvas: Image.Image, place: tuple[int, int], match: Match, colour: str, style: Style) -> None:
    unit = style.unit
    left, top = place
    pen = ImageDraw.Draw(canvas)
    side = round(_THUMBNAIL * unit)
    _draw_thumbnail(canvas, (left, top), side, match.item, style)

    text_left = left + side + round(0.7 * unit)
    rank_width = round(3.2 * unit)
    text_right = left + style.panel_width - round(2.0 * unit)
    width = text_right - text_left - rank_width - round(0.4 * unit)
    text_line(pen, (text_left, top + round(0.2 * unit)), match.item.title or match.item.id, style.font(1.0), INK, width)
    text_line(pen, (text_left, top + round(1.65 * unit)), _details(match.item), style.font(0.8), MUTED, width)

    rank_left = text_right - rank_width
    pen.text((text_right, top + round(0.2 * unit)), f"{match.rank:.2f}", fill=INK, font=style.font(1.0), anchor="ra")
    bar_top, thick = top + round(1.9 * unit), max(3, round(unit / 3))
    pen.rounded_rectangle((rank_left, bar_top, text_right, bar_top + thick), thick // 2, fill=FAINT)
    filled = round(rank_width * min(max(match.rank / 2, 0.0), 1.0))
    if filled > thick:
        pen.rounded_rectangle((rank_left, bar_top, rank_left + filled, bar_top + thick), thick // 2, fill=colour)


def _details(item: Item) -> str:
    price = "" if item.price is None else f"{item.price:.2f}"
    return " · ".join(part for part in (item.brand, item.category, price) if part) or item.id


def _draw_thumbnail(canvas: Image.Image, place: tuple[int, int], side: int, item: Item, style: Style) -> None:
    left, top = place
    pen = ImageDraw.Draw(canvas)
    pen.rounded_rectangle((left, top, left + side - 1, top + side - 1), round(style.unit / 4), outline=FAINT)
    picture = _local_picture(item.image)
    if picture is None:
        middle = (left + side // 2, top + side // 2)
        pen.text(middle, (item.title or item.id)[:1].upper(), fill=FAINT, font=style.font(1.8), anchor="mm")
        return
    picture.thumbnail((side - 2, side - 2))
    canvas.paste(picture, (left + (side - picture.width) // 2, top + (side - picture.height) // 2))


def _local_picture(image: str) -> Image.Image | None:
    """The item's picture where it is a readable file on this machine."""
    parts = urlsplit(image)
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(image)
    try:
        return open_upright(path) if image and path.is_file() else None
    except (InvalidInput, OSError, ValueError):
        return None
