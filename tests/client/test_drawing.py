"""The drawn picture: its size, its boxes' colours, and odd photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageColor
from whatsit_client import Answer, Identification, Item, Match, Region, draw
from whatsit_client.drawing.style import Style, colour
from whatsit_client.taxonomy import INTENTS, SOURCES, TAGS, TOPICS


def identified(size: tuple[int, int], boxes: int, matches: int = 3, **item: Any) -> Identification:
    width, height = size
    found = tuple(Match(Item(f"id{n}", **{"title": f"Tea {n}", **item}), 1.5 - n / 10) for n in range(matches))
    parts = [Region((0, 0, width, height), 1.0, "image", found)]
    for n in range(boxes):
        left, right = width * n / boxes, width * (n + 0.9) / boxes
        parts.append(Region((left, height * 0.1, right, height * 0.9), 0.5, "object", found))
    scores = ({name: 1 / len(names) for name in names} for names in (INTENTS, SOURCES, TOPICS, TAGS))
    answer = Answer(found=matches > 0, title="Tea 0", region=min(1, boxes) if matches else None)
    return Identification(tuple(parts), "goods", *scores, answer)


def uses(picture: Image.Image, ink: str) -> bool:
    return bool((np.asarray(picture) == ImageColor.getrgb(ink)).all(axis=2).any())


@pytest.mark.parametrize("size", [(1, 1), (3, 4000), (4000, 3), (64, 48), (640, 480), (6000, 4000)])
@pytest.mark.parametrize("boxes", [0, 1, 8])
def test_any_photo_gets_a_picture_of_a_sensible_size(size: tuple[int, int], boxes: int) -> None:
    picture = draw(identified(size, boxes), Image.new("RGB", size, "grey"))
    assert picture.mode == "RGB"
    assert 400 <= picture.width <= 4000
    assert 100 <= picture.height <= 3000


def test_each_region_has_its_colour_on_the_photo_and_beside_it() -> None:
    picture = draw(identified((640, 480), 4), Image.new("RGB", (640, 480), "grey"))
    photo = picture.crop((0, 0, 970, picture.height))
    panel = picture.crop((980, 0, picture.width, picture.height))
    for index in range(1, 5):
        assert uses(photo, colour(index))
        assert uses(panel, colour(index))
    assert not uses(picture, colour(5))


def test_a_box_lies_where_the_region_is() -> None:
    result = identified((200, 100), 2, matches=1)
    picture = np.asarray(draw(result, Image.new("RGB", (200, 100), "black")))
    shown = (picture == ImageColor.getrgb(colour(1))).all(axis=2)[:, :990]
    columns = np.flatnonzero(shown.any(axis=0))
    scale, gap = 960 / 200, 15
    x1, _, x2, _ = result.regions[1].box
    assert abs(columns.min() - gap - x1 * scale) < 8
    assert abs(columns.max() - gap - x2 * scale) < 8


def test_regions_without_matches_get_no_card() -> None:
    picture = draw(identified((640, 480), 2, matches=0), Image.new("RGB", (640, 480), "grey"))
    assert not uses(picture, colour(1))
    assert not uses(picture, colour(2))


def test_the_items_own_picture_is_shown_where_it_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "item.png"
    Image.new("RGB", (300, 200), "#12fe34").save(path)
    for image in (str(path), path.as_uri()):
        assert uses(draw(identified((640, 480), 1, image=image), Image.new("RGB", (640, 480))), "#12fe34")
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(path.read_bytes()[:60])
    for image in (str(damaged), str(tmp_path), "https://shop.example/a.jpg", "no/file.png", "a\0b"):
        draw(identified((640, 480), 1, image=image), Image.new("RGB", (640, 480)))


@pytest.mark.parametrize("title", ["x" * 5000, "Färsk mjölk", "牛奶 🥛", "two\nlines\tand\x00more", "مرحبا", " "])
def test_any_title_is_written_on_one_line(title: str) -> None:
    draw(identified((640, 480), 3, title=title), Image.new("RGB", (640, 480)))
    line, font = Style(16).line(title, 1.0, 200)
    assert "\n" not in line
    assert font.getlength(line) <= 200


def test_the_photo_is_not_changed() -> None:
    photo = Image.new("RGB", (640, 480), "grey")
    draw(identified(photo.size, 3), photo)
    assert photo.getcolors() == [(640 * 480, (128, 128, 128))]
