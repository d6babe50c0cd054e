"""Comparison of picture files with the rows that name them, both ways."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.backup.findings import Findings
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.file_names import PictureRow
from whatsit.catalogue.store.picture_files import read_picture, whole_path
from whatsit.catalogue.store.store import Store
from whatsit.index.shard_files import Progress

# A picture is written before its row: so long a younger file without a row may belong to a change under way.
SETTLE_SECONDS = 15.0
# A picture is deleted after its row, at once.
_FORGET_SECONDS = 1.0
_SHOWN_EVERY = 32
_WEB = ("http://", "https://")


def check_pictures(store: Store, layout: Layout, found: Findings, progress: Progress) -> None:
    """Compare every picture with its SHA-256.

    Args:
        store: may change meanwhile.
        layout: of the catalogue.
        found: takes counts and problems.
        progress: called with the pictures done and in all.
    """
    folder = layout.folder.resolve()
    total = store.files.count()
    suspect: list[tuple[PictureRow, str]] = []
    for done, row in enumerate(store.files.rows(), start=1):
        wrong = _wrong(store, row, folder)
        if wrong is None:
            found.pictures += 1
        elif wrong:
            suspect.append((row, wrong))
        else:
            found.unchecked += 1
        if done % _SHOWN_EVERY == 1 or done == total:
            progress("Comparing pictures", done, total)
    for row, wrong in suspect:
        if store.files.row(row.image) == row:  # or its row was deleted, and then its file
            found.add("picture", f"The picture {row.own or row.path} of the item '{row.item}'", wrong)


def check_clicks(store: Store, layout: Layout, found: Findings) -> None:
    """Require every photo of the click log."""
    for name, sha256 in store.files.own().items():
        if sha256 is None and not (layout.folder / name).is_file():
            found.add("picture", f"The photo {name} of the click log or of a deleted item", "is missing")


def check_orphans(store: Store, layout: Layout, found: Findings, settle: float) -> None:
    """Report files of the catalogue's own folders that no row names.

    Args:
        store: may change meanwhile.
        layout: of the catalogue.
        found: takes problems.
        settle: seconds after which a file without a row belongs to no change under way.
    """
    candidates = _unnamed(store, layout, _own_files(layout))
    if candidates and settle:
        youngest = max((path.stat().st_mtime for path in candidates if path.exists()), default=0.0)
        time.sleep(min(max(youngest + settle - time.time(), _FORGET_SECONDS), settle))
        candidates = _unnamed(store, layout, candidates)
    for path in candidates:
        if path.exists():
            found.add("orphan", f"{path.parent.name}/{path.name}", "belongs to no item; it may be deleted")


def _own_files(layout: Layout) -> list[Path]:
    return [path for place in (layout.pictures, layout.clicks) if place.is_dir() for path in sorted(place.iterdir())]


def _unnamed(store: Store, layout: Layout, paths: Iterable[Path]) -> list[Path]:
    named = store.files.own()
    return [path for path in paths if f"{path.parent.name}/{path.name}" not in named]


def _wrong(store: Store, row: PictureRow, folder: Path) -> str | None:
    """Return what is wrong with a picture, None for nothing, "" if not checked."""
    if row.own is None:
        sent = store.files.sent_vectors(row.image)
        if sent is not None:
            return None if sent == row.sha256 else "is a sent vector, and its numbers do not match their SHA-256"
        if row.path.startswith(_WEB):
            return ""
    path = row.own or store.places(row.path)
    if not any(mark in path.lower() for mark in (".tar#", ".zip#")):
        place = Path(whole_path(path, folder))
        if not place.is_file():
            return "is missing" if not place.exists() else "is not a file"
    try:
        data = read_picture(path, folder)
    except InvalidInput:
        return "cannot be read"
    return None if hashlib.sha256(data).hexdigest() == row.sha256 else "does not match its SHA-256"
