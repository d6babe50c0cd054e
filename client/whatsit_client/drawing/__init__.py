"""Drawing of an identification: the photo with boxes, and a panel of matches."""

from __future__ import annotations

from PIL import Image, ImageDraw

from whatsit_client.drawing.box_overlay import draw_boxes
from whatsit_client.drawing.panel import Card, Panel
from whatsit_client.drawing.style import BACKGROUND, INK, MUTED, Style, colour
from whatsit_client.encode import ImageLike, open_upright
from whatsit_client.identification import Identification, headline, summary

_SHOWN = (960, 1600)  # the photo's longer side, in pixels


def draw(result: Identification, image: ImageLike, matches: int = 3) -> Image.Image:
    """Draw the regions on the photo and the best matches of each beside it.

    The photo is shown with its longer side between 960 and 1600 pixels, and the text grows with it. A match's picture
    is shown where the item's `image` is a readable file.

    Args:
        result: what the server said about the photo.
        image: the photo itself: path, bytes, Pillow image, or RGB pixels uint8 [H,W,3].
        matches: at most so many per region; fewer where many regions share the height.

    Returns:
        an RGB picture.

    Raises:
        InvalidInput: the photo cannot be read.
    """
    photo = open_upright(image)
    scale = _scale(photo.size)
    shown = photo.resize(
        (max(1, round(photo.width * scale)), max(1, round(photo.height * scale))),
        Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC,
        reducing_gap=3.0,
    )
    style = Style(unit=round(min(max(shown.height / 34, 15), 34)))
    return _compose(result, shown, Panel.fitting(_cards(result, matches), shown.height, style), style)


def _scale(size: tuple[int, int]) -> float:
    least, most = _SHOWN
    longer = max(size)
    return min(max(longer, least), most) / longer


def _cards(result: Identification, matches: int) -> list[Card]:
    """Return a card per region that is found or unsure.

    The whole picture's only for its answer, or alone.
    """
    parts = [
        Card(index, region, colour(index), matches)
        for index, region in enumerate(result.regions)
        if region.matches and (index > 0 or result.answer.region == 0) and result.answer.names(index)
    ]
    whole = result.regions[0]
    return parts or ([Card(0, whole, colour(0), matches)] if whole.matches else [])


def _compose(result: Identification, shown: Image.Image, panel: Panel, style: Style) -> Image.Image:
    gap = style.gap
    header = round(3.6 * style.unit)
    photo_width = max(shown.width, 10 * style.unit)
    body = max(shown.height, panel.height, 8 * style.unit)
    panel_left = gap + photo_width + gap
    size = (panel_left + panel.width + gap, header + body + gap)
    canvas = Image.new("RGB", size, BACKGROUND)

    pen = ImageDraw.Draw(canvas)
    style.write(pen, (gap, round(0.5 * style.unit)), headline(result), 1.35, INK, size[0] - 2 * gap)
    style.write(pen, (gap, round(2.25 * style.unit)), summary(result), 0.85, MUTED, size[0] - 2 * gap)

    scale = shown.width / max(result.size[0], 1e-6), shown.height / max(result.size[1], 1e-6)
    draw_boxes(shown, result, {card.index for card in panel.cards}, scale, style)
    canvas.paste(shown, (gap + (photo_width - shown.width) // 2, header))
    if panel.cards:
        panel.draw(canvas, (panel_left, header))
    else:
        style.write(pen, (panel_left, header), "No matches", 1.0, MUTED)
    return canvas
