"""The owner's report: what it counts, markup that stays text, the page and the e-mail."""

from __future__ import annotations

import email
import hashlib
from datetime import datetime, timezone
from email import policy
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from tests.catalogue.test_cleaning import E, around
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.owner_report.catalogue_report import CatalogueReport, make_report
from whatsit.catalogue.owner_report.picture_faults import faults_of
from whatsit.catalogue.owner_report.report_mail import report_mail
from whatsit.catalogue.owner_report.report_page import ReportPage
from whatsit.catalogue.owner_report.report_pictures import ReportPictures
from whatsit.catalogue.store.click_log import Click
from whatsit.catalogue.store.picture_files import keep_picture
from whatsit.catalogue.store.search_counts import SearchCounts
from whatsit.catalogue.store.store import Store
from whatsit.rendering.shop import encode_jpeg

MARKUP = "<script>alert(1)</script>"
SHARP = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)


@pytest.fixture
def report(store: Store, tmp_path: Path) -> CatalogueReport:
    """Three items, of which one was found, two confused and one has a small picture; two searches in vain."""
    for centre, id in enumerate("abc"):
        path = tmp_path / f"{id}.jpg"
        path.write_bytes(encode_jpeg(SHARP[: 100 if id == "b" else 300]))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        picture = Picture(str(path), digest, (Vector((0.0, 0.0, 300.0, 300.0), around(centre, 0)),))
        store.put([(ItemFields(id, title=f"{MARKUP} {id}"), [picture], E)])
    now = datetime.now(timezone.utc)
    counts = SearchCounts()
    counts.count(now.date().isoformat(), "found", ["a"])
    counts.count(now.date().isoformat(), "unsure", ["b", "a"])
    counts.write(store)
    for n in range(2):
        photo = keep_picture(Layout(store.folder).clicks, encode_jpeg(SHARP[:80, :60]))
        store.clicks.record(Click("", photo, (5.0, 5.0, 50.0, 70.0), "none"))
        vector = around(9, n).astype("<f4").tobytes()
        with store.transaction() as connection:
            connection.execute("INSERT INTO click_vectors VALUES (?,?,?,60,80)", (n + 1, E, vector))
    return make_report(store, now=now)


def test_what_the_report_counts(report: CatalogueReport) -> None:
    assert report.searches["total"] == {"found": 1, "unsure": 1, "not_found": 0, "not_searched": 0}
    assert [(one.searches, len(one.photos)) for one in report.clusters] == [(2, 2)]
    assert [(one.one, one.other, one.searches) for one in report.confused] == [("a", "b", 1)]
    assert [(one.item, one.reasons) for one in report.faults] == [("b", ("small: 300 x 100 pixels",))]
    assert (report.never_found, report.never_count) == (("c", "b"), 2)
    assert set(report.to_record()["records"]) == {"a", "b", "c"}


def test_the_page_shows_markup_as_text(report: CatalogueReport, store: Store) -> None:
    page = ReportPage(report, ReportPictures(store)).html()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; a" in page
    assert page.count('src="data:image/jpeg;base64,') >= 5
    assert "http" not in page  # nothing is fetched from elsewhere


def test_the_mail_carries_its_pictures(report: CatalogueReport, store: Store) -> None:
    data = report_mail(report, ReportPictures(store), "ann@shop.example", "whatsit@shop.example")
    message = email.message_from_bytes(data, policy=policy.default)
    html = message.get_body(("html",))
    assert html is not None
    ids = {str(part["Content-ID"])[1:-1] for part in message.walk() if part.get_content_type() == "image/jpeg"}
    assert ids
    assert all(f"cid:{id}" in html.get_content() for id in ids)
    assert "data:" not in html.get_content()
    assert "1 searches answered" in str(message.get_body(("plain",)))


@pytest.mark.parametrize(
    ("pixels", "reasons"),
    [
        (SHARP, ()),
        (np.full((300, 300, 3), 128, np.uint8), ("blurred",)),
        (np.full((300, 300, 3), 20, np.uint8), ("blurred", "too dark")),
        (np.full((300, 300, 3), 252, np.uint8), ("blurred", "nearly white")),
    ],
)
def test_faults_of_pictures(pixels: np.ndarray, reasons: tuple[str, ...]) -> None:  # type: ignore[type-arg]
    assert faults_of(pixels, 300, 300) == reasons


def test_a_catalogue_without_items_has_no_report(store: Store) -> None:
    with pytest.raises(InvalidInput, match="There is nothing to report"):
        make_report(store)
