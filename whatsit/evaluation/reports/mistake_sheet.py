"""Sheet of the hardest mistakes: the photo, the wrong item, the right item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps
from whatsit_client.drawing.style import BACKGROUND, CARD, FAINT, INK, MUTED, Style
from whatsit_client.errors import Unavailable

from whatsit.evaluation.metrics.answer_quality import PhotoAnswer

RIGHT, WRONG, AMBER = "#1e9e5a", "#d7263d", "#b46a00"
_SIDE, _PAD, _GAP = 168, 16, 18
_HEAD, _FOOT, _TOP = 34, 46, 92
_CARD = (3 * _SIDE + 2 * 12 + 2 * _PAD, _HEAD + _SIDE + _FOOT + 2 * _PAD)
_STYLE = Style(12)
_Picture = Image.Image | None


@dataclass(frozen=True)
class Mistake:
    """A photo that was answered wrong, or whose item is not the first match.

    Args:
        answer: to the photo.
        kind: what went wrong, a few words.
        colour: of these words.
        other: id of the wrong item.
    """

    answer: PhotoAnswer
    kind: str
    colour: str
    other: str


def hardest_mistakes(answers: Sequence[PhotoAnswer], count: int = 12) -> list[Mistake]:
    """Return the mistakes that were made with most certainty, wrong answers first.

    Args:
        answers: to all photos.
        count: at most so many.
    """
    found: list[tuple[int, float, Mistake]] = []
    for one in answers:
        if one.verdict == "wrong":
            kind = "answered wrong" if one.item else "answer to a photo of nothing"
            found.append((0, -one.certainty, Mistake(one, kind, WRONG, one.candidate)))
        elif one.item and one.first and one.first != one.item:
            kind = "unsure, another item first" if one.verdict == "unsure" else "silent, another item first"
            found.append((1, -one.certainty, Mistake(one, kind, AMBER, one.first)))
    found.sort(key=lambda entry: (*entry[:2], entry[2].answer.photo))
    return [mistake for *_, mistake in found[:count]]


def draw_mistakes(
    mistakes: Sequence[Mistake], picture: Callable[[str], bytes | None], certainty: str, file: Path
) -> None:
    """Write the sheet.

    Args:
        mistakes: hardest first.
        picture: gives the encoded picture of an item, None where it cannot be had.
        certainty: name of what answers are decided by.
        file: the PNG.

    Raises:
        Unavailable: the file cannot be written.
    """
    columns = 2 if len(mistakes) > 1 else 1
    rows = -(-len(mistakes) // columns)
    width = columns * _CARD[0] + (columns + 1) * _GAP
    sheet = Image.new("RGB", (width, _TOP + rows * (_CARD[1] + _GAP)), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    _STYLE.write(pen, (_GAP + 4, 24), "Hardest mistakes", 2.0, INK)
    told = "No photo was answered wrong." if not mistakes else f"Most certain first, by {certainty}."
    _STYLE.write(pen, (_GAP + 4, 58), told, 1.15, MUTED)
    for place, mistake in enumerate(mistakes):
        x = _GAP + (place % columns) * (_CARD[0] + _GAP)
        y = _TOP + (place // columns) * (_CARD[1] + _GAP)
        _draw_card(sheet, pen, (x, y), mistake, picture, certainty)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(file)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written ({error}): choose another --out.") from error


def _draw_card(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    mistake: Mistake,
    picture: Callable[[str], bytes | None],
    certainty: str,
) -> None:
    x, y = corner
    answer = mistake.answer
    pen.rounded_rectangle((x, y, x + _CARD[0], y + _CARD[1]), 12, fill=CARD, outline=FAINT)
    pen.ellipse((x + _PAD, y + _PAD + 3, x + _PAD + 9, y + _PAD + 12), fill=mistake.colour)
    _STYLE.write(pen, (x + _PAD + 17, y + _PAD), mistake.kind, 1.15, mistake.colour)
    _STYLE.write(pen, (x + _CARD[0] - _PAD, y + _PAD), f"{certainty} {answer.certainty:.2f}", 1.15, MUTED, anchor="ra")
    cells = (
        ("photo", Path(answer.photo).name, INK, "", _read(answer.photo)),
        ("taken for", mistake.other, WRONG, f"{answer.score:.2f}", _decode(picture(mistake.other))),
        _right_cell(answer, picture),
    )
    for column, (caption, name, colour, score, image) in enumerate(cells):
        left, top = x + _PAD + column * (_SIDE + 12), y + _PAD + _HEAD - 6
        empty = "not in the catalogue" if column == 2 and not answer.item else "no picture"
        _draw_cell(sheet, pen, (left, top), image, empty)
        _STYLE.write(pen, (left + 1, top + _SIDE + 9), caption, 1.0, MUTED)
        if score:
            _STYLE.write(pen, (left + _SIDE, top + _SIDE + 9), score, 1.0, MUTED, anchor="ra")
        _STYLE.write(pen, (left + 1, top + _SIDE + 26), name, 1.1, colour, width=_SIDE)


def _right_cell(answer: PhotoAnswer, picture: Callable[[str], bytes | None]) -> tuple[str, str, str, str, _Picture]:
    if not answer.item:
        return ("shows", "nothing of the catalogue", MUTED, "", None)
    score = "not found" if answer.item_score is None else f"{answer.item_score:.2f}, place {answer.place}"
    return ("is", answer.item, RIGHT, score, _decode(picture(answer.item)))


def _draw_cell(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int], image: _Picture, empty: str
) -> None:
    """Paste a picture into its rounded square; a word where there is none."""
    x, y = corner
    tile = Image.new("RGB", (_SIDE, _SIDE), "#eef0f3")
    if image is not None:
        small = ImageOps.contain(image, (_SIDE, _SIDE), Image.Resampling.LANCZOS)
        tile.paste(small, ((_SIDE - small.width) // 2, (_SIDE - small.height) // 2))
    mask = Image.new("L", (4 * _SIDE, 4 * _SIDE), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 4 * _SIDE - 1, 4 * _SIDE - 1), 32, fill=255)
    sheet.paste(tile, (x, y), mask.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS))
    if image is None:
        _STYLE.write(pen, (x + _SIDE // 2, y + _SIDE // 2), empty, 1.0, MUTED, anchor="mm")


def _read(file: str) -> _Picture:
    try:
        return _decode(Path(file).read_bytes())
    except OSError:
        return None


def _decode(data: bytes | None) -> _Picture:
    from whatsit_client.errors import InvalidInput

    from whatsit.vision.decode import decode_image

    if data is None:
        return None
    try:
        return Image.fromarray(decode_image(data, max_side=600).pixels)
    except InvalidInput:
        return None
