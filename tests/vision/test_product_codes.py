"""Codes in one form: what two spellings of one product have in common, and what is no code."""

from __future__ import annotations

from typing import Any

import pytest

from whatsit.vision.product_codes import gtin, isbn10, keys_of_code, keys_of_item

EAN = "g:04006381333931"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ean", "4006381333931"),
        ("EAN-13", 4006381333931),
        ("gtin", "04006381333931"),
        ("GTIN", 4006381333931.0),
        ("Barcode", " 4006381-333931 "),
        ("variant_barcode", "4006381333931.0"),
        ("gtin", ["96385074", "4006381333931"]),
        ("sku", "4006381333931"),
    ],
)
def test_spellings_of_a_field(field: str, value: Any) -> None:
    assert EAN in keys_of_item("x", {field: value})


def test_numbers_that_lost_their_zeros() -> None:
    assert keys_of_item("x", {"upc": 36000291452})[0] == keys_of_code("0036000291452")[0] == "g:00036000291452"


def test_an_isbn_of_ten_signs_is_that_of_thirteen() -> None:
    assert keys_of_item("x", {"isbn": "0-306-40615-2"}) == ("g:09780306406157",)
    assert keys_of_item("x", {"isbn": 306406152}) == ("g:09780306406157",)
    assert isbn10("080442957X") == gtin("9780804429573")
    assert isbn10("0306406153") is isbn10("000000000") is None


@pytest.mark.parametrize(
    "text", ["", "0", "0000000000000", "4006381333932", "400638133393", "40063813339310", "４００６３８１３３３９３１"]
)
def test_what_is_no_gtin(text: str) -> None:
    assert gtin(text) is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"ean": "4.00638E+12"},
        {"ean": None},
        {"ean": True},
        {"ean": {"a": 1}},
        {"colour": "4006381333931"},
        {"sku": "12"},
    ],
)
def test_what_gives_no_key(attributes: dict[str, Any]) -> None:
    assert keys_of_item("x", attributes) == ()


def test_an_id_counts_where_it_is_a_long_gtin() -> None:
    assert keys_of_item("4006381333931", {}) == (EAN,)
    assert keys_of_item("96385074", {}) == keys_of_item("A-4006381333931", {}) == ()


@pytest.mark.parametrize(
    "text",
    [
        "4006381333931",
        "https://id.gs1.org/01/04006381333931/10/AB?x=1",
        "http://shop.example/p/gtin/4006381333931",
        "(01)04006381333931(10)AB",
    ],
)
def test_texts_of_codes(text: str) -> None:
    assert keys_of_code(text)[0] == EAN


def test_any_other_text_is_compared_without_case() -> None:
    assert keys_of_code(" Ab-77 ") == keys_of_item("x", {"SKU": "aB-77"}) == ("t:ab-77",)
    assert keys_of_code("https://id.gs1.org/01/04006381333932") == ()
    assert keys_of_code("12") == keys_of_code("") == keys_of_code("x" * 81) == ()
