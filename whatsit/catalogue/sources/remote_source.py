"""Sources behind an address: files on the web, and object stores."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import quote, unquote, urljoin, urlsplit

from whatsit_client.errors import InvalidInput, WhatsitError

from whatsit.catalogue.sources.cloud_image import CloudImage, opened, words_of
from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.picture_folder import PICTURES, picture_row
from whatsit.catalogue.sources.picture_location import Image, TarImage, WebImage, ZipImage
from whatsit.catalogue.sources.product_folder import by_folder, product_row
from whatsit.catalogue.sources.source_row import Row, Skipped, Source
from whatsit.catalogue.web import Downloads

_ENDINGS = {
    "text/csv": ".csv",
    "text/plain": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/rss+xml": ".xml",
    "application/atom+xml": ".xml",
    "application/zip": ".zip",
    "application/x-tar": ".tar",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.apache.parquet": ".parquet",
}
Open = Callable[[Path, SourceOptions], Source]


class CopiedSource:
    """A source that was copied from an address to this machine.

    Pictures that a table names by relative paths lie beside it, behind the same address.

    Args:
        url: of it.
        options: what the caller knows.
        downloads: the limits of the web; None where it is a file of an object store.
        open_local: opens the copy.
        known: whether a file's name has an ending of a known kind.

    Raises:
        InvalidInput: it cannot be had or read.
    """

    def __init__(
        self,
        url: str,
        options: SourceOptions,
        downloads: Downloads | None,
        open_local: Open,
        known: Callable[[str], bool],
    ) -> None:
        self.url = url
        self._folder = tempfile.TemporaryDirectory(prefix="whatsit-copy-")
        self._home = str(Path(self._folder.name).resolve())
        self._copy: Path | None = None
        try:
            self._copy = _copied(url, Path(self._home), downloads, known)
            self.copied = open_local(self._copy, options)
        except OSError as error:
            raise InvalidInput(f"{url} cannot be copied ({error.strerror or error}).") from error
        except InvalidInput as error:
            raise InvalidInput(self._shown(f"{str(error).rstrip('.')}.")) from error

    def count(self) -> int:
        """Return about how many rows there are."""
        return self.copied.count()

    def notes(self) -> list[str]:
        """Return what was guessed about the copy."""
        return self.copied.notes()

    def __iter__(self) -> Iterator[Row | Skipped]:
        for row in self.copied:
            row = replace(row, place=self._shown(row.place))
            if isinstance(row, Row):
                yield replace(row, images=tuple(map(self._image, row.images)), notes=tuple(map(self._shown, row.notes)))
            else:
                yield replace(row, reason=self._shown(row.reason))

    def _image(self, image: Image) -> Image:
        if isinstance(image, (TarImage, ZipImage)):
            return replace(image, shown=self._shown(image.shown or str(image.archive)))
        if isinstance(image, Path) and image.is_relative_to(self._home):
            name = image.relative_to(self._home).as_posix()
            if self.url.startswith("http"):
                return WebImage(urljoin(self.url, quote(name)))
            return CloudImage(_beside(self.url, name))
        return image

    def _shown(self, text: str) -> str:
        """Return a text with the address in place of the copy's path."""
        text = text.replace(str(self._copy), self.url) if self._copy else text
        return text.replace(f"{self._home}/", _beside(self.url, ""))


class CloudFolder:
    """Every picture below a folder of an object store; see `Folder`.

    Args:
        url: of the folder.
        options: what the caller knows.

    Raises:
        InvalidInput: there is no picture in it.
    """

    def __init__(self, url: str, options: SourceOptions) -> None:
        self.url, self._options = url.rstrip("/"), options
        system, path = opened(self.url)
        home = PurePosixPath(path)
        try:
            names = [PurePosixPath(name) for name in system.find(path)]
        except Exception as error:  # each store has errors of its own
            raise InvalidInput(f"{url} cannot be listed ({words_of(error)}).") from error
        below = (name.relative_to(home) for name in names if name.is_relative_to(home))
        self._files = sorted(one for one in below if one.suffix.lower() in PICTURES and not _is_hidden(one))
        if not self._files:
            raise InvalidInput(f"The folder {url} holds no picture ({', '.join(PICTURES)}).")

    def count(self) -> int:
        """Return about how many items there are."""
        return len(self._files)

    def notes(self) -> list[str]:
        """Return nothing: nothing is guessed."""
        return []

    def __iter__(self) -> Iterator[Row | Skipped]:
        if self._options.folders == "products":
            for folder, files in by_folder([file for file in self._files if len(file.parts) > 1]):
                yield product_row(folder, [self._image(file) for file in files], f"{self.url}/{folder}")
            return
        for file in self._files:
            yield picture_row(file, self._image(file), f"{self.url}/{file}")

    def _image(self, file: PurePath) -> CloudImage:
        return CloudImage(f"{self.url}/{file.as_posix()}")


def is_cloud_folder(url: str) -> bool:
    """Return whether an address is that of a folder.

    Raises:
        InvalidInput: there is neither a file nor a folder, or the store refuses to say.
    """
    system, path = opened(url)
    try:
        if system.isfile(path):
            return False
        if system.isdir(path):
            return True
    except Exception as error:  # each store has errors of its own
        raise InvalidInput(f"{url} cannot be read ({words_of(error)}).") from error
    raise InvalidInput(f"There is no file or folder {url}.")


def _copied(url: str, folder: Path, downloads: Downloads | None, known: Callable[[str], bool]) -> Path:
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "source"
    name = name.replace("/", "_").replace("\0", "_")[-200:].lstrip(".") or "source"
    target = folder / name
    if downloads is None:
        system, path = opened(url)
        try:
            system.get_file(path, str(target))
        except WhatsitError:
            raise
        except Exception as error:  # each store has errors of its own
            raise InvalidInput(f"{url} cannot be copied ({words_of(error)})") from error
        return target
    try:
        kind = downloads.save(url, target).partition(";")[0].strip().lower()
    except InvalidInput as error:
        raise InvalidInput(f"{url} cannot be copied ({error})") from error
    if not known(name):
        if kind == "text/html":
            raise InvalidInput(f"{url} is a web page, not a table or archive")
        target = target.rename(folder / f"{name}{_ENDINGS.get(kind, '')}")
    return target


def _beside(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"


def _is_hidden(file: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in file.parts)
