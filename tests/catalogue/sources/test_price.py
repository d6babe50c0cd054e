"""Prices: amounts and currencies, and what the column settles."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsit.catalogue.sources.price import PriceColumn, read_price


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("1.234,56 €", "1234.56", "EUR"),
        ("12.50 USD", "12.50", "USD"),
        ("EUR12,5", "12.5", "EUR"),
        ("1,23,456.00", "123456.00", None),
        ("₹1,23,456", "123456", "INR"),
        ("1.234.567", "1234567", None),
        ("1234,567", "1234.567", None),
        ("0,125", "0.125", None),
        ("CHF 19.–", "19", "CHF"),
        ("1’234.50", "1234.50", None),
        ("99 kr", "99", "kr"),
        (".5", "0.5", None),
        ("€ 5 EUR", "5", "EUR"),
        ("US$5", "5", "USD"),
    ],
)
def test_a_price_that_stands_alone_is_read(text: str, amount: str, currency: str | None) -> None:
    read = read_price(text)
    assert read is not None
    assert not read.is_ambiguous
    assert (read.amount(None), read.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    "text",
    ["free", "10-20", "1 2", "5 €/kg", "ab 5 €", "1,2,3", "12,34.5,6", "5 EUR USD", "5 XXX", "-3", "--", "1.2.3"],
)
def test_what_is_no_single_amount_is_not_read(text: str) -> None:
    assert read_price(text) is None


@pytest.mark.parametrize(
    ("column", "text", "amount"),
    [
        (["12.50"], "1,000", "1000"),
        (["12,50"], "1,000", "1.000"),
        (["1,000"], "1,000", "1000"),
        (["1.000", "250"], "1.000", "1000"),
        (["0.125"], "1.234", "1.234"),
        (["12.50", "12,50"], "1,000", None),
        (["1.000", "1,000"], "1,000", None),
    ],
)
def test_the_column_settles_what_is_ambiguous_and_it_is_said(column: list[str], text: str, amount: str | None) -> None:
    settled = PriceColumn.settle([*column, text])
    read = read_price(text)
    assert read is not None
    assert read.is_ambiguous
    assert read.amount(settled.decimal) == (None if amount is None else Decimal(amount))
    assert "prices such as" in settled.notes[-1]


def test_the_caller_settles_it() -> None:
    assert PriceColumn.settle(["1,000", "2.5", "3,5"], ",") == PriceColumn(",")


@given(st.decimals(0, 10**9, places=2), st.sampled_from([",", ".", " ", "'"]))
def test_no_amount_is_silently_another(amount: Decimal, group: str) -> None:
    mark = "," if group == "." else "."
    text = f"{amount:,.2f}".replace(",", "_").replace(".", mark).replace("_", group)
    read = read_price(text)
    assert read is not None
    assert read.amount(None) == amount


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    read = read_price(text)
    assert read is None or (read.point is None or read.point >= 0)
