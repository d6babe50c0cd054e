"""Checks of a catalogue: files, index, pictures, threshold."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from whatsit_client.errors import WhatsitError

from whatsit.catalogue.backends import index_status, open_store, store_url
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.serving_pair import serving_fingerprint
from whatsit.catalogue.sources.picture_location import archive_of
from whatsit.catalogue.store.store import Store
from whatsit.engines.repository import default_root
from whatsit.search.answer_calibration import Calibration
from whatsit.search.check_catalogue import check_catalogue
from whatsit.server.doctor.check_result import CheckResult, note, ok, wrong

_AREA = "catalogue"
_PICTURES = 300
_ROOM = 3  # times the size of the store, for an index and a copy


def check_folder(folder: Path, model_repository: Path | None) -> Iterator[CheckResult]:
    """Yield what is wrong with a catalogue, and whether a server would open it."""
    models = model_repository or default_root() / "model_repository"
    if not folder.is_dir():
        yield wrong(_AREA, f"there is no folder {folder}", f"whatsit catalogue add {folder} SOURCE --publish")
        return
    try:
        with closing(open_store(folder, read_only=True)) as store:
            yield ok(_AREA, f"{folder}: {store.count()} items" + (f" in {url}" if (url := store_url(folder)) else ""))
            fingerprint = serving_fingerprint(folder, models)
            yield from _vectors(store.fingerprints(), fingerprint, folder)
            if isinstance(store, Store):
                yield from _index(store, folder, fingerprint)
                yield _pictures(store)
    except WhatsitError as error:
        yield _said(error)
        return
    try:
        check_catalogue(folder, models)
        yield ok(_AREA, "a server opens it")
    except WhatsitError as error:
        yield _said(error)
    yield _access(folder)
    yield _threshold(folder)


def _said(error: WhatsitError) -> CheckResult:
    """Return an error's sentence, which says what to do after its colon or semicolon."""
    text = str(error).rstrip(".")
    place = max(text.rfind(": "), text.rfind("; "))
    return wrong(_AREA, text[:place] if place > 0 else text, text[place + 2 :].capitalize() if place > 0 else "")


def _vectors(known: list[str], fingerprint: str, folder: Path) -> Iterator[CheckResult]:
    if known and fingerprint not in known:
        yield wrong(
            _AREA,
            f"its vectors are of another embedder ({known[0][:12]}) than the one in use ({fingerprint[:12]})",
            f"Add its sources again: whatsit catalogue add {folder} SOURCE --publish",
        )
    elif len(known) > 1:
        yield note(_AREA, f"it holds vectors of {len(known)} embedders", "Old ones take room alone")


def _index(store: Store, folder: Path, fingerprint: str) -> Iterator[CheckResult]:
    status = index_status(store, folder, fingerprint)
    if status["published"] is None:
        yield wrong(_AREA, "nothing is published", f"whatsit catalogue publish {folder}")
        return
    words = (
        f"the index of {status['published']} holds {status['items_indexed']} items, {status['pending']} changed since"
    )
    if status["notes"]:
        yield note(_AREA, words, f"whatsit catalogue compact {folder}")
    else:
        yield ok(_AREA, words)


def _pictures(store: Store) -> CheckResult:
    """Look for the files of some pictures; `verify` compares all of them."""
    seen = missing = 0
    example = ""
    for row in islice(store.files.rows(), _PICTURES):
        path = store.places(row.own or row.path)
        if not path or path.startswith(("http://", "https://")) or store.files.sent_vectors(row.image) is not None:
            continue
        seen += 1
        if not os.path.exists(archive_of(path) or path):
            missing += 1
            example = example or path
    if missing:
        return note(
            _AREA,
            f"{missing} of the first {seen} pictures are not where they were, such as {example}",
            "They are found, but not shown: put them back, or add the sources from their new place",
        )
    return ok(_AREA, f"the files of the first {seen} pictures are there")


def _access(folder: Path) -> CheckResult:
    layout = Layout(folder)
    if not os.access(folder, os.W_OK) or (layout.store.exists() and not os.access(layout.store, os.W_OK)):
        return note(
            _AREA,
            f"{folder} cannot be written to by this user",
            "Serve it with --read-only, or change the owner of the folder",
        )
    size = layout.store.stat().st_size if layout.store.exists() else 0
    free = shutil.disk_usage(folder).free
    words = f"{free / 2**30:.1f} GiB are free beside it"
    if free < _ROOM * size + (64 << 20):
        return wrong(_AREA, words, "Make room: publishing and back-ups need a copy of it")
    return ok(_AREA, words)


def _threshold(folder: Path) -> CheckResult:
    try:
        found = Calibration.read(Layout(folder).calibration)
    except WhatsitError as error:
        return _said(error)
    if found is None:
        return note(
            _AREA,
            "its answers have the probability that ships, which was fitted to other catalogues",
            f"whatsit calibrate {folder}",
        )
    return ok(_AREA, f"calibrated on {found.photos} photos: an answer needs a probability of {found.found:.2f}")
