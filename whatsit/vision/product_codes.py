"""Product codes in one form: GTIN-8, 12, 13 and 14, ISBN-10, GS1, plain text.

A key is "g:" and the 14 digits of a GTIN, or "t:" and any other text in small letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Names of an item's fields that hold codes, in small letters without marks. Those of `_TEXTS` hold any text.
_PRODUCT = ("gtin", "ean", "upc", "isbn", "barcode", "variantbarcode")
_VARIANTS = ("gtin8", "gtin12", "gtin13", "gtin14", "ean8", "ean13", "upca", "upce", "isbn10", "isbn13")
_TEXTS = ("sku", "variantsku")
FIELDS = frozenset((*_PRODUCT, *_VARIANTS, *_TEXTS))

# A code of fewer or more characters is too common, or no code.
_SHORTEST, _LONGEST = 4, 80
_WHOLE = (12, 13, 14)  # digits of a GTIN in a field that may hold other numbers
_MARKS = re.compile(r"[\s\-–.]+")
_FLOAT = re.compile(r"(\d+)\.0*")
_LINK = re.compile(r"^https?://[^\s?#]+?/(?:01|gtin)/(\d{8,14})(?=[/?#]|$)", re.IGNORECASE)
_GS1 = re.compile(r"\(01\)(\d{14})")


def gtin(text: str) -> str | None:
    """Return 14 digits of a GTIN, None where the check digit or length is wrong.

    Source: GS1 General Specifications, section 7.9. Leading zeros may be missing, as a table of numbers loses them.
    """
    if not (7 <= len(text) <= 14 and text.isascii() and text.isdecimal()) or not text.strip("0"):
        return None
    digits = [int(digit) for digit in text.zfill(14)]
    return text.zfill(14) if (3 * sum(digits[::2]) + sum(digits[1::2])) % 10 == 0 else None


def isbn10(text: str) -> str | None:
    """Return 14 digits of the ISBN-13 of an ISBN-10, None where it is none."""
    text = text.zfill(10).upper()
    if not re.fullmatch(r"[0-9]{9}[0-9X]", text) or not text.strip("0"):
        return None
    digits = [10 if sign == "X" else int(sign) for sign in text]
    if sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits, strict=True)) % 11:
        return None
    body = "978" + text[:9]
    total = sum(int(sign) * (3 if place % 2 else 1) for place, sign in enumerate(body))
    return f"{body}{-total % 10}".zfill(14)


def keys_of_item(id: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of an item's codes, each once.

    Args:
        id: counts where it is a GTIN of 12 digits or more.
        attributes: those named in `FIELDS`, in any spelling, hold one code or a list of codes.
    """
    found = dict.fromkeys(_keys_of_value("sku", id, texts=False))
    for name, value in attributes.items():
        field = re.sub(r"[\W_]+", "", name.casefold())
        if field in FIELDS:
            for one in value if isinstance(value, (list, tuple)) else (value,):
                found.update(dict.fromkeys(_keys_of_value(field, one)))
    return tuple(found)


def keys_of_code(text: str) -> tuple[str, ...]:
    """Return the keys of a code as a reader gives its text.

    It may be digits, a GS1 element string such as "(01)04006381333931(10)A", a GS1 digital link, or any other text.
    """
    text = text.strip()
    named = _LINK.match(text) or _GS1.search(text)
    number = gtin(named[1] if named else text) if named or len(text) >= 8 else None
    found = [f"g:{number}"] if number else []
    return tuple(found + ([] if named else list(_text_keys(text))))


def _keys_of_value(field: str, value: Any, texts: bool = True) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    plain = _MARKS.sub("", whole[1] if (whole := _FLOAT.fullmatch(text)) else text)
    if field in _TEXTS:
        number = gtin(plain) if len(plain) in _WHOLE else None
        if texts:
            yield from _text_keys(text)
    else:
        number = gtin(plain)
    if field.startswith("isbn") and number is None and len(plain) in (9, 10):
        number = isbn10(plain)
    if number is not None:
        yield f"g:{number}"


def _text_keys(text: str) -> Iterable[str]:
    return (f"t:{text.casefold()}",) if _SHORTEST <= len(text) <= _LONGEST else ()
