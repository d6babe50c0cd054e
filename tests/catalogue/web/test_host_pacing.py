"""Pauses that hosts ask for, and hosts that are given up."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.web.host_pacing import HostPacing, retry_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), (" 0 ", 0), (None, None), ("", None), ("soon", None), ("-3", None), ("9" * 5000, 999999999)],
)
def test_seconds_of_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_a_date_of_retry_after() -> None:
    now = datetime.now(timezone.utc)
    assert 50 < (retry_after(format_datetime(now + timedelta(seconds=60), usegmt=True)) or 0) <= 60
    assert retry_after(format_datetime(now - timedelta(days=1), usegmt=True)) == 0
    assert retry_after("Fri, 32 Foo 2026 00:00:00 GMT") is None


def test_a_host_is_given_up_after_failures_in_a_row() -> None:
    hosts = HostPacing()
    for _ in range(5):
        hosts.failed("a.test", "too slow")
        hosts.failed("a.test", "too slow")
        hosts.succeeded("a.test")
    hosts.await_turn("a.test")
    for _ in range(3):
        hosts.failed("a.test", "too slow")
    hosts.succeeded("a.test")  # one that was on its way
    with pytest.raises(InvalidInput, match=r"a\.test was too slow 3 times in a row, and is not asked again"):
        hosts.await_turn("a.test")
    hosts.await_turn("b.test")
