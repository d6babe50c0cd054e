"""Fixtures of downloads: a shop on this machine, and no proxies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.catalogue.web.web_shop import Shop
from whatsit.catalogue.web import Downloads


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def shop() -> Iterator[Shop]:
    opened = Shop()
    yield opened
    opened.close()


@pytest.fixture
def web() -> Downloads:
    return Downloads(allow_private=True, most_bytes=1000, seconds=5.0, pause=0.001)
