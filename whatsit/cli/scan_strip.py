"""The film strip of `whatsit scan --save`: frames, boxes and what was sent."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from whatsit.cli.scan_colours import BACKGROUND, CARD, FAINT, INK, MUTED, SCALE, STATES, rounded, write, write_legend
from whatsit.cli.scan_record import ScanRecord, SeenFrame

_COLUMNS, _MOST = 6, 24
_WIDTH, _GAP, _MARGIN = 196, 12, 28
_HEAD, _FOOT, _CARD_HEIGHT = 76, 30, 196


def draw_strip(record: ScanRecord) -> Image.Image:
    """Draw frames in their order, each with its state, and a card for each request."""
    frames = _chosen_frames(record)
    shapes = [one.picture.shape for one in frames if one.picture is not None]
    tall = round(_WIDTH * max(height / width for height, width, _ in shapes))
    rows = -(-len(frames) // _COLUMNS)
    cards = -(-len(record.requests) // 3)
    width = 2 * _MARGIN + _COLUMNS * _WIDTH + (_COLUMNS - 1) * _GAP
    below = _HEAD + rows * (tall + _FOOT + _GAP)
    height = below + (48 + cards * (_CARD_HEIGHT + _GAP) if cards else 0) + _MARGIN - _GAP
    sheet = Image.new("RGB", (width * SCALE, height * SCALE), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    _write_head(pen, record, width)
    for index, frame in enumerate(frames):
        x = _MARGIN + index % _COLUMNS * (_WIDTH + _GAP)
        y = _HEAD + index // _COLUMNS * (tall + _FOOT + _GAP)
        _draw_frame(sheet, frame, record, (x, y), tall)
    if cards:
        write(pen, (_MARGIN, below + 8), "What was sent", 17)
        for index in range(len(record.requests)):
            card = (width - 2 * _MARGIN - 2 * _GAP) // 3
            place = (_MARGIN + index % 3 * (card + _GAP), below + 42 + index // 3 * (_CARD_HEIGHT + _GAP))
            _draw_card(sheet, record, index, place, card)
    return sheet


def _chosen_frames(record: ScanRecord) -> list[SeenFrame]:
    """Return frames evenly over time, and those nearest to the ones that were sent."""
    kept = [frame for frame in record.frames if frame.picture is not None]
    count = min(_MOST, len(kept), max(_COLUMNS, _COLUMNS * round(len(kept) / 40)))
    chosen = {round(i * (len(kept) - 1) / max(1, count - 1)) for i in range(count)}
    for request in record.requests:
        best = min(range(len(kept)), key=lambda i: abs(kept[i].time_ms - request.choice.time_ms))
        if best not in chosen:  # in the place of the frame nearest to it
            chosen.discard(min(chosen, key=lambda i: abs(i - best)))
            chosen.add(best)
    return [kept[i] for i in sorted(chosen)]


def _write_head(pen: ImageDraw.ImageDraw, record: ScanRecord, width: int) -> None:
    write(pen, (_MARGIN, 22), record.name, 20)
    calls = len(record.requests)
    text = f"{len(record.frames)} frames, {record.seconds:.1f} s   ·   {calls} request{'' if calls == 1 else 's'}, "
    write(pen, (_MARGIN, 50), f"{text}{record.sent_bytes / 1000:.0f} kB", 13, MUTED)
    write_legend(pen, width - _MARGIN)


def _draw_frame(sheet: Image.Image, frame: SeenFrame, record: ScanRecord, place: tuple[int, int], tall: int) -> None:
    assert frame.picture is not None
    size = (_WIDTH * SCALE, tall * SCALE)
    picture = Image.fromarray(frame.picture).resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture, "RGBA")
    for one in sorted(frame.boxes, key=lambda one: (one.sent, one.main)):
        x1, y1, x2, y2 = one.box
        sides = (x1 * size[0], y1 * size[1], x2 * size[0], y2 * size[1])
        colour = STATES["sent"] if one.sent else INK if one.main else f"{INK}70"
        width = 2 * SCALE if one.sent or one.main else SCALE
        pen.rounded_rectangle(_inside(sides, size), 5 * SCALE, outline=colour, width=width)
    x, y = place
    sheet.paste(rounded(picture, 10), (x * SCALE, y * SCALE), rounded(picture, 10))
    pen = ImageDraw.Draw(sheet)
    colour = STATES[frame.state]
    number = next((i for i, one in enumerate(record.requests, 1) if abs(one.choice.time_ms - frame.time_ms) < 1), 0)
    if number:
        edge = [v * SCALE for v in (x - 3, y - 3, x + _WIDTH + 2, y + tall + 2)]
        pen.rounded_rectangle(edge, 13 * SCALE, outline=STATES["sent"], width=3 * SCALE)
        _badge(pen, (x + _WIDTH - 17, y + 17), number)
    pen.rounded_rectangle([v * SCALE for v in (x, y + tall + 8, x + 8, y + tall + 16)], 4 * SCALE, fill=colour)
    problem = f", {frame.problem}" if frame.problem and frame.state in ("settling", "stable") else ""
    write(pen, (x + 14, y + tall + 5), f"{frame.state}{problem}", 12, MUTED)
    write(pen, (x + _WIDTH, y + tall + 5), f"{frame.time_ms / 1000:.2f} s", 12, MUTED, "ra")


def _inside(sides: tuple[float, float, float, float], size: tuple[int, int]) -> list[float]:
    x1, y1, x2, y2 = sides
    left, top = min(max(2.0, x1), size[0] - 4), min(max(2.0, y1), size[1] - 4)
    return [left, top, max(left + 1, min(size[0] - 3, x2)), max(top + 1, min(size[1] - 3, y2))]


def _badge(pen: ImageDraw.ImageDraw, middle: tuple[int, int], number: int) -> None:
    x, y = middle
    pen.ellipse([v * SCALE for v in (x - 11, y - 11, x + 11, y + 11)], fill=STATES["sent"])
    write(pen, (x, y), str(number), 13, BACKGROUND, "mm")


def _draw_card(sheet: Image.Image, record: ScanRecord, index: int, place: tuple[int, int], width: int) -> None:
    request = record.requests[index]
    x, y = place
    pen = ImageDraw.Draw(sheet)
    pen.rounded_rectangle([v * SCALE for v in (x, y, x + width, y + _CARD_HEIGHT)], 14 * SCALE, fill=CARD)
    picture = Image.open(io.BytesIO(request.image)).convert("RGB")
    if request.boxes:
        edge = max(2, picture.width // 120)
        ImageDraw.Draw(picture).rectangle(request.boxes[0], outline=STATES["sent"], width=edge)
    room = (_CARD_HEIGHT - 24) * SCALE
    scale = min(room / picture.width, room / picture.height)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    shown = rounded(picture, 8)
    left, top = (room - picture.width) // 2, (room - picture.height) // 2
    sheet.paste(shown, ((x + 12) * SCALE + left, (y + 12) * SCALE + top), shown)
    left = x + _CARD_HEIGHT + 4
    _badge(pen, (left + 11, y + 28), index + 1)
    write(pen, (left + 30, y + 28), f"{request.choice.time_ms / 1000:.2f} s", 17, INK, "lm")
    choice = request.choice
    what = "whole frame" if choice.box is None else f"thing {choice.track}, score {choice.score:.2f}"
    sharp, decided = f"sharpness {choice.sharpness:.2f}", f"decided at {request.sent_ms / 1000:.2f} s"
    facts = (what, sharp, f"{request.size / 1000:.0f} kB", decided)
    for row, fact in enumerate(facts):
        write(pen, (left, y + 56 + 22 * row), fact, 13, MUTED)
    thumbnail = Image.open(io.BytesIO(request.thumbnail)).convert("RGB")
    thumbnail.thumbnail((80 * SCALE, 36 * SCALE))
    pen.line([v * SCALE for v in (left, y + 147, x + width - 14, y + 147)], fill=FAINT, width=SCALE)
    sheet.paste(thumbnail, (left * SCALE, (y + 153) * SCALE))
    write(pen, (left + thumbnail.width / SCALE + 8, y + 153), "thumbnail", 12, MUTED)
