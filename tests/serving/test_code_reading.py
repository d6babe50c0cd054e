"""When a step reads codes, and what it passes on."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from whatsit_client.errors import InvalidInput

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.serving.code_reading import CodeReading, pack_codes, unpack_codes
from whatsit.serving.environment import CATALOGUE_VARIABLE
from whatsit.serving.request_options import Options
from whatsit.vision.code_reader import ReadCode

zxingcpp = pytest.importorskip("zxingcpp", reason="the extra 'codes' is not installed")
CODE = "4006381333931"


@pytest.fixture
def photo() -> np.ndarray:
    """A JPEG file of 4000 pixels on which a code takes a twelfth of the width."""
    code = zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(CODE, zxingcpp.BarcodeFormat.EAN13), scale=3)
    page = Image.new("L", (4000, 3000), 255)
    page.paste(Image.fromarray(np.array(code)), (2000, 1500))
    file = io.BytesIO()
    page.convert("RGB").save(file, "JPEG")
    return np.frombuffer(file.getvalue(), np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CATALOGUE_VARIABLE, str(tmp_path))
    put(tmp_path)
    return tmp_path


def put(folder: Path, **attributes: str) -> None:
    with Store(Layout(folder).store) as store:
        picture = Picture("a.jpg", "a", (Vector((0, 0, 1, 1), np.eye(8, dtype=np.float32)[0]),))
        store.put([(ItemFields("a", attributes=attributes), [picture], "e")])


def test_auto_reads_as_soon_as_an_item_has_a_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = (ReadCode(CODE, "EAN-13", (1.0, 2.0, 3.0, 4.0)),)
    asked: list[bool] = []

    def read(data: object, picture: object, thorough: bool) -> tuple[ReadCode, ...]:
        asked.append(thorough)
        return known

    monkeypatch.setattr("whatsit.serving.code_reading.picture_codes", read)
    step, nothing = CodeReading(), np.zeros(0, np.uint8)
    picture = decode_picture(file_of(Image.new("RGB", (64, 48))))
    assert unpack_codes(step(nothing, picture, Options())) == ()
    put(folder, ean=CODE)
    assert unpack_codes(step(nothing, picture, Options())) == known
    assert unpack_codes(step(nothing, picture, Options(codes="off"))) == ()
    assert unpack_codes(step(nothing, picture, Options(codes="on"))) == known
    assert asked == [False, True]


def test_without_a_catalogue_nothing_is_read_unless_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CATALOGUE_VARIABLE, str(tmp_path / "none"))
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    picture = decode_picture(file_of(Image.new("RGB", (64, 48))))
    assert len(CodeReading()(np.zeros(0, np.uint8), picture, Options())) == 1


def test_a_small_code_of_a_large_photo_is_read_where_it_is_asked_for(photo: np.ndarray, folder: Path) -> None:
    put(folder, ean=CODE)
    picture = decode_picture(photo)
    assert unpack_codes(CodeReading()(photo, picture, Options())) == ()
    (code,) = unpack_codes(CodeReading()(photo, picture, Options(codes="on")))
    assert code.text == CODE
    x1, y1, x2, y2 = code.box
    assert 1950 < x1 < x2 < 2400
    assert 1450 < y1 < y2 < 1750


def test_codes_travel_as_text() -> None:
    codes = (ReadCode("köd 1", "QR Code", (0.5, 1.0, 2.0, 3.0)),)
    assert unpack_codes(pack_codes(codes)) == codes
    assert len(pack_codes(())) == 1


@pytest.mark.parametrize("name", ["codes", "read"])
def test_other_values_are_refused(name: str) -> None:
    assert getattr(Options.from_parameters({name: "on"}), name) == "on"
    with pytest.raises(InvalidInput, match=f"{name} must be 'auto', 'on' or 'off'"):
        Options.from_parameters({name: "yes"})


def file_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
