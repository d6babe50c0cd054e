"""Reading the served catalogues: items, words, pictures, likeness."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.backends import open_store
from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.sources.cloud_image import CloudImage, is_cloud
from whatsit.catalogue.sources.picture_location import archive_of, archived_picture
from whatsit.catalogue.store.facets import Facet
from whatsit.catalogue.store.item_listing import ItemListing
from whatsit.catalogue.store.store import Store
from whatsit.gateway.problems import Problem
from whatsit.gateway.thumbnails import Thumbnails
from whatsit.search.item_search import ItemSearch, SceneMatch, SimilarItem
from whatsit.search.serving_items import ServingItems
from whatsit.vision.picture_file import picture_kind

_MOST_NAMED = 1000
_MOST_BYTES = 256 << 20  # of a picture's file
_KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "BMP": "image/bmp"}
_THUMBNAILS = Thumbnails()

Record = dict[str, Any]


@dataclass(frozen=True)
class ImageFile:
    """A picture as it is sent.

    Args:
        data: encoded.
        media_type: such as image/jpeg.
        etag: of the picture and its size.
    """

    data: bytes
    media_type: str
    etag: str


class CatalogueReader:
    """Reads one catalogue; methods are coroutines that work in threads.

    Args:
        folder: the catalogue's.
        model_repository: whose embedder made the vectors that are compared.
    """

    def __init__(self, folder: Path, model_repository: Path) -> None:
        self._folder = folder
        self._items = ServingItems(folder, model_repository)

    @cached_property
    def _store(self) -> CatalogueStore:
        return open_store(self._folder, read_only=True)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the embedder whose vectors are compared."""
        return self._items.fingerprint

    @cached_property
    def _listing(self) -> ItemListing | None:
        return ItemListing(self._store) if isinstance(self._store, Store) else None

    async def page(
        self, text: str | None, where: str | None, limit: int, offset: int, sort: str | None, details: bool
    ) -> tuple[list[Record], int]:
        """Return a page of items, and how many there are.

        Args:
            text: words, None for all items.
            where: filter, None for none.
            limit: items of the page.
            offset: items before it.
            sort: see `ItemListing.page`.
            details: with the last change and the number of pictures of each.

        Raises:
            InvalidInput: the filter, the words or the order are wrong.
        """
        return await run_in_threadpool(self._page, text, where, limit, offset, sort, details)

    async def count(self) -> int:
        """Return the number of items."""
        return await run_in_threadpool(lambda: self._store.count())

    async def facets(self, text: str | None, where: str | None, limit: int) -> tuple[list[Facet], int]:
        """Return facets of the items that a page is of, and the number of these.

        Raises:
            InvalidInput: the filter or the words are wrong.
        """
        return await run_in_threadpool(self._facets, text, where, limit)

    async def show(self, id: str) -> Record | None:
        """Return everything known of an item, None where there is none."""
        return await run_in_threadpool(self._show, id)

    async def image(self, id: str, position: int | str, side: int | None) -> ImageFile | str:
        """Return a picture of an item, or the URL where it is.

        Args:
            id: of the item.
            position: 0 for the main picture; or the hash of its file, also of a hidden one.
            side: longest side of a thumbnail in pixels; None for the picture as it is.

        Raises:
            Problem: 404 where there is none.
        """
        return await run_in_threadpool(self._image, id, position, side)

    async def similar(self, id: str, where: str | None, limit: int, offset: int) -> list[SimilarItem]:
        """Return the items most like one; see `ItemSearch.similar`.

        Raises:
            Problem: 404 where there is no such item.
            InvalidInput: the filter is wrong.
        """
        return await run_in_threadpool(lambda: self._by_item(id).similar(id, limit, offset, _condition(where)))

    async def scenes(self, id: str, where: str | None, limit: int, offset: int) -> list[SceneMatch]:
        """Return pictures in which an item appears; see `ItemSearch.scenes`.

        Raises:
            Problem: 404 where there is no such item.
            InvalidInput: the filter is wrong.
        """
        return await run_in_threadpool(lambda: self._by_item(id).scenes(id, limit, offset, _condition(where)))

    async def keeps_objects(self) -> bool:
        """Return whether the objects in pictures are indexed, so that scenes are found."""
        return await run_in_threadpool(lambda: self._store.keeps_objects)

    def _page(
        self, text: str | None, where: str | None, limit: int, offset: int, sort: str | None, details: bool
    ) -> tuple[list[Record], int]:
        if self._listing is not None:
            numbers, total = self._listing.page(text, where, sort, limit, offset)
            records = self._store.records(numbers)
            more = self._listing.details(numbers) if details else {}
            return [{**record, **more.get(number, {})} for number, record in records.items()], total
        if sort is not None or details:
            raise InvalidInput("A catalogue in Milvus lists its items in the order of adding, without details.")
        condition = Filter.parse(where) if where else None
        if not text:
            count = self._store.count(condition)
            self._store.check_where(condition, count)
            return self._store.page(condition, limit, offset), count
        allowed = None if condition is None else self._store.select(condition)
        self._store.check_where(condition, 1 if allowed is None else len(allowed))
        found = self._store.text.search(text, _MOST_NAMED, allowed)
        return list(self._store.records(found[offset : offset + limit].tolist()).values()), len(found)

    def _facets(self, text: str | None, where: str | None, limit: int) -> tuple[list[Facet], int]:
        condition = Filter.parse(where) if where else None
        numbers = None if condition is None else self._store.select(condition)
        self._store.check_where(condition, 1 if numbers is None else len(numbers))
        if text:
            numbers = self._store.text.search(text, _MOST_NAMED, numbers)
        count = self._store.count() if numbers is None else len(numbers)
        return self._store.facets(numbers, limit), count

    def _show(self, id: str) -> Record | None:
        return None if self._store.fields(id) is None else self._store.show(id)

    def _image(self, id: str, position: int | str, side: int | None) -> ImageFile | str:
        shown = self._show(id)
        pictures = shown["images"] if shown else []
        if isinstance(position, int):
            pictures = [one for one in pictures if not one["hidden"]]
        else:
            pictures, position = [one for one in pictures if one["sha256"] == position], 0
        if position >= len(pictures):
            raise Problem(404, f"Item '{id[:100]}' has no such picture.")
        path, digest = pictures[position]["path"], pictures[position]["sha256"]
        if path.startswith(("http://", "https://")):
            return str(path)
        try:
            if is_cloud(path):
                return _whole(path, digest) if side is None else _thumbnail(path, digest, side, 0)
            archive = archive_of(path)
            status = Path(archive or path).stat()
            if not stat.S_ISREG(status.st_mode) or not (archive or 0 < status.st_size <= _MOST_BYTES):
                raise ValueError(path)  # a row may name a device or a file of /proc, which has no end or keeps waiting
            return _whole(path, digest) if side is None else _thumbnail(path, digest, side, status.st_mtime_ns)
        except (OSError, ValueError, InvalidInput) as error:
            raise Problem(404, f"The picture of item '{id[:100]}' is not where the catalogue keeps it.") from error

    def _by_item(self, id: str) -> ItemSearch:
        if self._store.fields(id) is None or not self._store.pictures(id, self.fingerprint):
            raise Problem(404, f"The catalogue has no item '{id[:100]}' with a picture.")
        return self._items(self._store)


def _condition(where: str | None) -> Filter | None:
    return Filter.parse(where) if where else None


def _whole(path: str, digest: str) -> ImageFile:
    """Read a picture, if its bytes are the catalogued ones; else `ValueError`."""
    data = _checked(path, digest)
    kind = _KINDS.get(picture_kind(data))
    if kind:
        return ImageFile(data, kind, f'"{digest[:32]}"')
    return ImageFile(_THUMBNAILS.make(data, None), "image/jpeg", f'"{digest[:32]}-0"')


@lru_cache(maxsize=256)  # whole pictures are too large to be kept
def _thumbnail(path: str, digest: str, side: int, modified: int) -> ImageFile:
    """Scale a picture, if its bytes are the catalogued ones; else `ValueError`."""
    return ImageFile(_THUMBNAILS.make(_checked(path, digest), side), "image/jpeg", f'"{digest[:32]}-{side}"')


def _checked(path: str, digest: str) -> bytes:
    """Read a file whose bytes have this digest: callers may send any path."""
    if is_cloud(path):
        data = CloudImage(path).read(_MOST_BYTES)
    elif archived := archived_picture(path):
        data = archived.read(_MOST_BYTES)
    else:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES)
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(path)
    return data
