"""Prices as people write them: an amount, and the currency where it is named."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal

DecimalMark = Literal[".", ","]

_SYMBOLS = {
    "€": "EUR", "US$": "USD", "A$": "AUD", "C$": "CAD", "NZ$": "NZD", "HK$": "HKD", "R$": "BRL", "$": "USD",
    "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₪": "ILS", "₴": "UAH", "₫": "VND",
    "฿": "THB", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "Fr.": "CHF", "元": "CNY", "円": "JPY", "руб.": "RUB",
    "Euro": "EUR", "kr.": "kr", "kr": "kr", "Rs.": "Rs", "Rs": "Rs",
}  # fmt: skip
# Symbols of several countries: the reading is a guess, which is said.
GUESSED = {"$": "USD", "¥": "JPY"}
_CODES = frozenset(
    """AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP GEL HKD HRK HUF IDR ILS INR ISK JOD JPY KES
    KRW KWD KZT LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RMB RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD
    UYU VND ZAR""".split()  # noqa: SIM905 # a list of words of three letters is read in this form
)
_SYMBOL = "|".join(re.escape(one) for one in sorted(_SYMBOLS, key=len, reverse=True))
_PRICE = re.compile(
    rf"(?P<before>{_SYMBOL}|[A-Z]{{3}})?\s*(?P<number>[-+]?[\d.,][\d.,' ]*(?:[eE][+-]?\d+)?-{{0,2}})\s*"
    rf"(?P<after>{_SYMBOL}|[A-Z]{{3}})?",
    re.IGNORECASE,
)
_ABSENT = frozenset({"", "-", "--", "n/a", "na", "nan", "null", "none", "#n/a"})
_NAMED = {symbol.casefold(): name for symbol, name in _SYMBOLS.items()}


def _pattern(decimal: str, group: str) -> re.Pattern[str]:
    """Return the pattern of a number; thousands in threes, in India in twos."""
    mark, group = re.escape(decimal), re.escape(group)
    whole = rf"[1-9]\d{{0,2}}(?:(?P<g>[{group}' ])\d{{3}})(?:(?P=g)\d{{3}})*|[1-9]\d?(?:{group}\d\d)+{group}\d{{3}}|\d+"
    return re.compile(rf"\+?(?:(?:{whole})(?:{mark}\d+)?|{mark}\d+)(?:[eE][+-]?\d{{1,2}})?")


_PATTERNS: dict[DecimalMark, re.Pattern[str]] = {".": _pattern(".", ","), ",": _pattern(",", ".")}


@dataclass(frozen=True)
class PriceReading:
    """The readings of one text.

    Args:
        point: the amount if the point is the decimal mark, None if the text cannot be read so.
        comma: the amount if the comma is.
        currency: ISO code or symbol, None where none is written.
        symbol: as written.
    """

    point: Decimal | None
    comma: Decimal | None
    currency: str | None = None
    symbol: str | None = None

    @property
    def is_ambiguous(self) -> bool:
        """Return whether the two readings differ."""
        return self.point is not None and self.comma is not None and self.point != self.comma

    def amount(self, decimal: DecimalMark | None) -> Decimal | None:
        """Return the amount, None where it needs a decimal mark that is not known."""
        if self.is_ambiguous:
            return None if decimal is None else self.point if decimal == "." else self.comma
        return self.comma if self.point is None else self.point


def is_absent(text: str) -> bool:
    """Return whether a text says that there is no price."""
    return text.strip().casefold() in _ABSENT


@lru_cache(maxsize=10_000)
def read_price(text: str) -> PriceReading | None:
    """Return the readings of a text, None where it is no single amount of 0 or more."""
    found = _PRICE.fullmatch(_plain(text))
    if found is None:
        return None
    written = [one for one in (found["before"], found["after"]) if one]
    names = {_currency(one) for one in written}
    if None in names or len(names) > 1:
        return None
    number = re.sub(r"[.,]-{1,2}$", "", found["number"].strip())
    amounts = {mark: _amount(number, mark) for mark in _PATTERNS}
    if amounts["."] is None and amounts[","] is None:
        return None
    return PriceReading(amounts["."], amounts[","], next(iter(names), None), written[0] if written else None)


def _plain(text: str) -> str:
    """Return a text with Western digits, plain spaces, apostrophes and dashes."""
    text = text.strip() if text.isascii() else unicodedata.normalize("NFKC", text).strip()
    if "٫" in text:
        text = text.replace("٬", "").replace("٫", ".")
    digits = (str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    return re.sub(r"\s", " ", "".join(digits)).translate(str.maketrans("’‘`ʼ′−–—", "'''''---"))


def _currency(written: str) -> str | None:
    name = _NAMED.get(written.casefold())
    return name or (written.upper() if written.upper() in _CODES else None)


def _amount(number: str, decimal: DecimalMark) -> Decimal | None:
    if not _PATTERNS[decimal].fullmatch(number):
        return None
    group = "," if decimal == "." else "."
    plain = number.replace(group, "").replace("'", "").replace(" ", "").replace(decimal, ".")
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None


@dataclass(frozen=True)
class PriceColumn:
    """How the prices of a column are read.

    Args:
        decimal: the mark that ambiguous prices such as "1,234" are read with, None where nothing settles it.
        notes: for people: what was guessed.
    """

    decimal: DecimalMark | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def settle(cls, texts: Iterable[str], decimal: DecimalMark | None = None) -> PriceColumn:
        """Settle what is ambiguous by itself by the other prices of the column.

        Where all prices that settle it agree, their decimal mark holds. Where none settles it, three digits after the
        only mark are thousands ("1,000" is one thousand), unless both marks stand so. Both are said.

        Args:
            texts: of the column.
            decimal: the mark, where the caller knows it.
        """
        seen: dict[DecimalMark, str] = {}
        unsure: dict[DecimalMark, str] = {}
        guessed: dict[str, None] = {}
        for text in texts:
            read = read_price(text)
            if read is None:
                continue
            if read.symbol in GUESSED:
                guessed[f"'{read.symbol}' in the prices is read as {read.currency}"] = None
            if read.is_ambiguous:
                unsure.setdefault("." if "," in text else ",", text.strip())
            elif read.comma is None:
                seen.setdefault(".", text.strip())
            elif read.point is None:
                seen.setdefault(",", text.strip())
        said = list(guessed)
        if not unsure or decimal:
            return cls(decimal, tuple(said))
        example = next(iter(unsure.values()))
        if len(seen) == 1:
            ((decimal, proof),) = seen.items()
            by = f"as '{proof}' in the same column shows"
        elif not seen and len(unsure) == 1:
            (decimal,) = unsure
            by = "for nothing in the column says otherwise"
        else:
            said.append(f"prices such as '{example}' are left out: the column has both marks (--decimal settles it)")
            return cls(None, tuple(said))
        read = read_price(example)
        assert read is not None  # it was read above
        said.append(f"prices such as '{example}' are read as {read.amount(decimal):f}, {by} (--decimal changes it)")
        return cls(decimal, tuple(said))
