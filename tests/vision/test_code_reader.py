"""Codes read off drawn pictures: where they are, several at once, damaged ones, none."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from whatsit_client.errors import Unavailable

from whatsit.vision import code_reader
from whatsit.vision.boxes import centre
from whatsit.vision.code_reader import ReadCode, read_codes

zxingcpp = pytest.importorskip("zxingcpp", reason="the extra 'codes' is not installed")
Pixels = npt.NDArray[np.uint8]


def drawn(text: str, kind: str = "EAN13", scale: int = 3) -> Pixels:
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
    return np.array(zxingcpp.write_barcode_to_image(code, scale=scale, add_quiet_zones=True))


def page(*parts: tuple[Pixels, int, int]) -> Pixels:
    """White, 800 by 600, with these pictures at x, y."""
    sheet = np.full((600, 800), 255, np.uint8)
    for part, x, y in parts:
        sheet[y : y + part.shape[0], x : x + part.shape[1]] = part
    return cv2.cvtColor(sheet, cv2.COLOR_GRAY2RGB)


def test_several_codes_with_their_places() -> None:
    sheet = page((drawn("4006381333931"), 20, 30), (drawn("https://id.gs1.org/01/04006381333931", "QRCode"), 500, 300))
    found = {code.text: code for code in read_codes(sheet, scale=0.5)}
    assert set(found) == {"4006381333931", "https://id.gs1.org/01/04006381333931"}
    x, y = centre(found["4006381333931"].box)
    assert 40 < x < 800
    assert 60 < y < 700
    assert centre(found["https://id.gs1.org/01/04006381333931"].box)[0] > 1000
    assert all(ReadCode.from_json(code.to_json()) == code for code in found.values())


def test_a_code_on_a_picture_twice_counts_once() -> None:
    one = drawn("4006381333931")
    assert [code.text for code in read_codes(page((one, 20, 30), (one, 20, 350)))] == ["4006381333931"]


@pytest.mark.parametrize("turned", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_a_turned_code(turned: int) -> None:
    assert [code.text for code in read_codes(cv2.rotate(page((drawn("96385074", "EAN8"), 90, 90)), turned))] == [
        "96385074"
    ]


def test_a_small_picture_is_enlarged() -> None:
    small = cv2.cvtColor(drawn("4006381333931", scale=1), cv2.COLOR_GRAY2RGB)
    (code,) = read_codes(small)
    assert code.box[2] <= small.shape[1]


def test_a_damaged_code_is_none() -> None:
    sheet = page((drawn("4006381333931"), 20, 30))
    sheet[:, 140:200] = 255
    assert read_codes(sheet) == read_codes(page()) == ()


def test_light_on_dark_where_it_is_asked_for() -> None:
    dark = 255 - page((drawn("4006381333931"), 20, 30))
    assert not read_codes(dark)
    assert [code.text for code in read_codes(dark, thorough=True)] == ["4006381333931"]


def test_without_the_library_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_reader, "_library", lambda: None)
    assert not code_reader.can_read_codes()
    with pytest.raises(Unavailable, match=r"whatsit\[codes\]"):
        read_codes(page())
