"""Contact sheet of decisions: groups of pictures side by side, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw
from whatsit_client.drawing.style import BACKGROUND, CARD, FAINT, INK, MUTED, Style
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.cleaning.decision import Decision
from whatsit.catalogue.cleaning.picture_table import PictureTable

_STYLE = Style(14)
_TILE, _GAP = 128, 10
_TILES = 9
_SHOWN_KEPT = 4
_MOST_ROWS = 60
_INKS = {"kept": "#1e9e5a", "dropped": "#d7263d", "merged": "#7b3fc4", "reported": "#f2a516"}


@dataclass(frozen=True)
class _Tile:
    picture: int | None
    verdict: str
    caption: str


@dataclass(frozen=True)
class _Row:
    heading: str
    reason: str
    tiles: Sequence[_Tile]


def check_sheet(path: Path) -> None:
    """Refuse a name that is no picture's, before the work is done.

    Raises:
        InvalidInput: it ends in neither .png nor .jpg.
    """
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InvalidInput(f"A contact sheet is a .png or .jpg file, not {path.name}.")


def write_sheet(path: Path, table: PictureTable, decisions: Sequence[Decision]) -> int:
    """Draw a sheet of the decisions; of more than 60 groups the first of each step.

    Args:
        path: of the picture, .png or .jpg.
        table: the pictures as they were when it was decided.
        decisions: of one cleaning.

    Returns:
        How many groups are not on the sheet.

    Raises:
        InvalidInput: the name ends otherwise.
        Unavailable: the file cannot be written.
    """
    check_sheet(path)
    by_step = [list(_rows(table, decisions, step)) for step in ("duplicates", "denoise", "merge", "reported")]
    share = max(1, _MOST_ROWS // max(1, sum(bool(rows) for rows in by_step)))
    shown = [row for rows in by_step for row in rows[:share]]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _draw(table, shown).save(path)
    except OSError as error:
        raise Unavailable(f"The contact sheet {path} cannot be written ({error.strerror or error}).") from error
    return sum(map(len, by_step)) - len(shown)


def _rows(table: PictureTable, decisions: Sequence[Decision], step: str) -> Iterator[_Row]:
    files = {
        (table.ids[item], sha256): n for n, (item, sha256) in enumerate(zip(table.items, table.sha256, strict=True))
    }
    pictures: dict[str, list[int]] = {}
    for n, item in enumerate(table.items):
        pictures.setdefault(table.ids[item], []).append(n)
    titles = dict(zip(table.ids, table.titles, strict=True))

    def tile(item: str, sha256: str | None, verdict: str, caption: str) -> _Tile:
        return _Tile(files.get((item, sha256 or "")), verdict, caption)

    def name(item: str) -> str:
        return f"{item} {titles.get(item) or ''}".strip()

    if step == "reported":
        for one in decisions:
            if one.verdict == "reported" and one.sha256 is not None:
                pair = ((one.other_item, one.other_sha256), (one.item, one.sha256))
                tiles = [tile(item or "", sha256, "reported", item or "") for item, sha256 in pair]
                yield _Row(f"shared picture · {name(one.other_item or '')} · {name(one.item)}", one.reason, tiles)
    elif step == "merge":
        for one in decisions:
            if one.step == "merge" and one.verdict in ("merged", "reported"):
                sides = (
                    (one.other_item or "", "kept" if one.verdict == "merged" else "reported"),
                    (one.item, one.verdict),
                )
                tiles = [
                    _Tile(n, verdict, item) for item, verdict in sides for n in pictures.get(item, [])[:_SHOWN_KEPT]
                ]
                verb = "merged" if one.verdict == "merged" else "not merged"
                yield _Row(f"{verb} · {name(one.item)} · into {name(one.other_item or '')}", one.reason, tiles)
    else:
        dropped = sorted(
            (one for one in decisions if one.step == step and one.verdict == "dropped"),
            key=lambda one: (one.item, (one.other_sha256 or "") if step == "duplicates" else ""),
        )
        hidden = {(one.item, one.sha256) for one in dropped}
        for (item, kept), group in groupby(
            dropped, key=lambda one: (one.item, one.other_sha256 if step == "duplicates" else None)
        ):
            gone = list(group)
            if step == "duplicates":
                tiles = [tile(item, kept, "kept", "kept")]
            else:
                stay = [n for n in pictures.get(item, []) if (item, table.sha256[n]) not in hidden]
                tiles = [_Tile(n, "kept", "kept") for n in stay[:_SHOWN_KEPT]]
            tiles += [tile(item, one.sha256, "dropped", _figures(one)) for one in gone]
            yield _Row(f"{step} · {name(item)}", gone[0].reason, tiles)


def _figures(decision: Decision) -> str:
    figures = decision.figures
    if decision.step == "duplicates":
        return f"{figures['bits']:.0f} bits, {figures['similarity']:.3f}"
    return f"nearest {figures['nearest']:.3f}"


def _draw(table: PictureTable, rows: Sequence[_Row]) -> Image.Image:
    width = _TILES * (_TILE + _GAP) + 3 * _GAP
    heights = [62 + (_TILE + 24) * max(1, -(-min(len(row.tiles), 2 * _TILES) // _TILES)) for row in rows]
    sheet = Image.new("RGB", (width, max(60, sum(heights) + _GAP * (len(rows) + 1))), BACKGROUND)
    pen, top = ImageDraw.Draw(sheet), _GAP
    if not rows:
        _STYLE.write(pen, (2 * _GAP, 2 * _GAP), "Nothing was decided.", 1.2, INK)
    for row, height in zip(rows, heights, strict=True):
        pen.rectangle((_GAP, top, width - _GAP, top + height), CARD, FAINT)
        _STYLE.write(pen, (2 * _GAP, top + 8), row.heading, 1.2, INK, width - 4 * _GAP)
        _STYLE.write(pen, (2 * _GAP, top + 30), row.reason, 0.9, MUTED, width - 4 * _GAP)
        for n, tile in enumerate(row.tiles[: 2 * _TILES]):
            left, upper = 2 * _GAP + n % _TILES * (_TILE + _GAP), top + 52 + n // _TILES * (_TILE + 24)
            sheet.paste(_thumbnail(table, tile.picture), (left, upper))
            pen.rectangle((left - 2, upper - 2, left + _TILE + 1, upper + _TILE + 1), None, _INKS[tile.verdict], 3)
            _STYLE.write(pen, (left, upper + _TILE + 4), tile.caption, 0.8, _INKS[tile.verdict], _TILE)
        top += height + _GAP
    return sheet


def _thumbnail(table: PictureTable, n: int | None) -> Image.Image:
    square = Image.new("RGB", (_TILE, _TILE), FAINT)
    if n is None:
        return square
    try:
        picture = Image.fromarray(table.pixels(n, 2 * _TILE))
    except InvalidInput:
        return square
    picture.thumbnail((_TILE, _TILE))
    square.paste(picture, ((_TILE - picture.width) // 2, (_TILE - picture.height) // 2))
    return square
