"""Factory of stores and index views: SQLite with FAISS, or Milvus."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.catalogue.index_view import LiveIndex
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.milvus.milvus_index_view import MilvusIndexView
from whatsit.catalogue.milvus.milvus_store import MilvusStore
from whatsit.catalogue.milvus.milvus_url import Address
from whatsit.catalogue.protocols import CatalogueStore, IndexView
from whatsit.catalogue.publish import compact_note, published
from whatsit.catalogue.serving_pair import index_root
from whatsit.catalogue.store.store import Store
from whatsit.index.current_generation import sync_folder
from whatsit.index.generation import Generation


def store_url(folder: Path) -> str | None:
    """Return the address of the catalogue's store, None where it is embedded.

    Raises:
        Damaged: the file that names it cannot be read.
    """
    file = Layout(folder).address
    if not file.is_file():
        return None
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["store"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{file} does not name a store; write it with '--store milvus://…', or delete it.") from error


def set_store_url(folder: Path, url: str) -> None:
    """Make a folder that of a catalogue in Milvus; harmless where it is that already.

    Raises:
        InvalidInput: the address is none, or the folder is that of another catalogue.
    """
    Address.parse(url)
    known = store_url(folder)
    if known == url:
        return
    if known is not None or Layout(folder).store.is_file():
        there = known or "itself, as an embedded one"
        raise InvalidInput(
            f"The folder {folder} keeps its catalogue in {there}; move it with 'whatsit catalogue migrate', or name "
            "another folder."
        )
    write_address(folder, url)


def write_address(folder: Path, url: str | None) -> None:
    """Let the folder name this store from now on; None for the one in it."""
    file = Layout(folder).address
    if url is None:
        file.unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"store": url}) + "\n", encoding="utf-8")
    new.replace(file)
    sync_folder(folder)


def open_store(folder: Path, read_only: bool = False) -> CatalogueStore:
    """Return the items of the catalogue in a folder.

    Args:
        folder: the catalogue's.
        read_only: refuse changes, and refuse to make the catalogue.

    Raises:
        Unavailable: `read_only` and there is none, or Milvus cannot be reached.
        Damaged: it cannot be read.
    """
    url = store_url(folder)
    if url is None:
        return Store(Layout(folder).store, read_only)
    return MilvusStore(Address.parse(url), read_only)


def open_index_view(
    items: CatalogueStore,
    folder: Path,
    fingerprint: str,
    place: Callable[[Generation], Generation] = lambda generation: generation,
) -> IndexView:
    """Return the vectors of one embedder, followed as they change.

    Args:
        items: of `open_store`.
        folder: the catalogue's.
        fingerprint: of the embedder whose vectors will be looked up.
        place: see `LiveIndex`.

    Raises:
        WhatsitError: nothing is published, or it is damaged or made by another embedder.
    """
    if isinstance(items, MilvusStore):
        return MilvusIndexView(items, fingerprint)
    if not isinstance(items, Store):
        raise Unavailable(f"The catalogue in {folder} has an engine that cannot be searched.")
    return LiveIndex(index_root(folder, fingerprint), items, fingerprint, place=place)


def index_status(items: CatalogueStore, folder: Path, fingerprint: str) -> dict[str, Any]:
    """Return the state of the index: items and vectors in it, pending changes, notes."""
    count = items.count()
    status: dict[str, Any] = {"items": count, "items_indexed": count, "published": None, "pending": 0, "notes": []}
    if items.changes is None:
        return {**status, "vectors_indexed": items.vector_count(fingerprint)}
    manifest = published(index_root(folder, fingerprint))
    pending = items.changes.pending(manifest.sequence if manifest else 0)
    note = compact_note(pending)
    return {
        **status,
        "items_indexed": manifest.items if manifest else 0,
        "vectors_indexed": manifest.vectors if manifest else 0,
        "published": manifest.created if manifest else None,
        "pending": pending,
        "notes": [note] if note else [],
    }


def check_embedded(folder: Path, url: str | None, refusal: str) -> None:
    """Refuse what only an embedded catalogue can do.

    Args:
        folder: of the catalogue.
        url: of its store in Milvus, None where it is embedded.
        refusal: what cannot be done in Milvus; ends the sentence.

    Raises:
        InvalidInput: the catalogue is in Milvus.
    """
    if url is not None:
        raise InvalidInput(f"The catalogue of {folder} is in {url}, {refusal}.")


def open_embedded(folder: Path, refusal: str, read_only: bool = False) -> Store:
    """Open the store of an existing catalogue that lies in its own folder.

    Args:
        folder: of the catalogue.
        refusal: see `check_embedded`.
        read_only: refuse changes.

    Raises:
        InvalidInput: the catalogue is in Milvus.
        Unavailable: there is none.
    """
    check_embedded(folder, store_url(folder), refusal)
    path = Layout(folder).store
    if not path.is_file():
        raise Unavailable(f"There is no catalogue {path}; make one with 'whatsit catalogue add'.")
    return Store(path, read_only)
