"""Location of a picture: in a file, behind a web address, or in an archive."""

from __future__ import annotations

import hashlib
import re
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from whatsit.catalogue.sources.cloud_image import CloudImage


@dataclass(frozen=True)
class WebImage:
    """A picture behind an http(s) address.

    Args:
        url: the address.
    """

    url: str

    @property
    def stem(self) -> str:
        """Return the file's name in the address without its ending, perhaps ""."""
        try:
            return Path(unquote(urlsplit(self.url).path)).stem
        except ValueError:  # no address
            return ""


@dataclass(frozen=True)
class TarImage:
    """A picture in an uncompressed tar file, read where it lies.

    Args:
        archive: the tar file.
        name: of the member.
        offset: of its bytes in the archive.
        size: of it in bytes.
        shown: name of the archive whose copy this file is, so that the picture must be kept; None for the archive
            itself.
    """

    archive: Path
    name: str
    offset: int
    size: int
    shown: str | None = None

    @classmethod
    def find(cls, archive: Path, name: str) -> TarImage:
        """Return the member of that name.

        Raises:
            OSError: the archive cannot be read.
            ValueError: it has no such member, or is no tar file.
        """
        place = _members(archive, archive.stat().st_mtime_ns).get(name)
        if place is None:
            raise ValueError(f"{archive} has no member {name}")
        return cls(archive, name, *place)

    @property
    def stem(self) -> str:
        """Return the member's name without folders and ending."""
        return Path(self.name).stem

    def read(self, most: int) -> bytes:
        """Its bytes, at most so many.

        Raises:
            OSError: the archive cannot be read.
            ValueError: the archive ends inside the picture.
        """
        with self.archive.open("rb") as file:
            file.seek(self.offset)
            data = file.read(min(self.size, most))
        if len(data) < min(self.size, most):
            raise ValueError("the archive ends inside it")
        return data


@dataclass(frozen=True)
class ZipImage:
    """A picture in a zip file, read where it lies.

    Args:
        archive: the zip file.
        name: of the member.
        shown: name of the archive where this file is a copy of it, or is edited by its user, so that the picture must
            be kept; None for one that stays.
    """

    archive: Path
    name: str
    shown: str | None = None

    @property
    def stem(self) -> str:
        """Return the member's name without folders and ending."""
        return Path(self.name).stem

    def read(self, most: int) -> bytes:
        """Its bytes, at most so many.

        Raises:
            OSError: the archive cannot be read.
            ValueError: it has no such member, or the member is damaged or encrypted.
        """
        try:
            with _opened_zip(self.archive, self.archive.stat().st_mtime_ns).open(self.name) as file:
                return file.read(most)
        except KeyError as error:
            raise ValueError(f"{self.archive} has no member {self.name}") from error
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
            raise ValueError(f"{self.name} in {self.archive} is damaged or encrypted ({error})") from error


@dataclass(frozen=True)
class InlineImage:
    """A picture whose bytes a table holds itself.

    Args:
        data: the encoded file.
    """

    data: bytes = field(repr=False)

    @property
    def stem(self) -> str:
        """Return a name: the start of the file's digest."""
        return f"picture {hashlib.sha256(self.data).hexdigest()[:16]}"


_ARCHIVED = re.compile(r"(.*?(\.tar|\.zip))#(.*)", re.IGNORECASE | re.DOTALL)
Image = Path | WebImage | TarImage | ZipImage | CloudImage | InlineImage


def path_of(image: Image) -> str:
    """Return the picture's path as the store holds and shows it."""
    if isinstance(image, (WebImage, CloudImage)):
        return image.url
    if isinstance(image, InlineImage):
        return image.stem
    if isinstance(image, (TarImage, ZipImage)):
        return f"{image.shown or image.archive.resolve()}#{image.name}"
    return str(image.resolve())


def must_be_kept(image: Image) -> bool:
    """Return whether a picture cannot be read later from where it lies now."""
    return isinstance(image, InlineImage) or (isinstance(image, (TarImage, ZipImage)) and image.shown is not None)


def archive_of(path: str) -> Path | None:
    """Return the archive of a path such as `shop.zip#cup.jpg`, None for any other."""
    found = _ARCHIVED.fullmatch(path)
    return Path(found[1]) if found else None


def archived_picture(path: str) -> TarImage | ZipImage | None:
    """Return the picture of a path such as `shop.zip#cup.jpg`, None for any other.

    Raises:
        OSError: the archive cannot be read.
        ValueError: it is a tar file without such a member.
    """
    found = _ARCHIVED.fullmatch(path)
    if found is None:
        return None
    archive, name = Path(found[1]), found[3]
    return TarImage.find(archive, name) if found[2].lower() == ".tar" else ZipImage(archive, name)


@lru_cache(maxsize=4)
def _opened_zip(archive: Path, changed: int) -> zipfile.ZipFile:
    """Open an archive for many threads; `changed` keys the cache."""
    return zipfile.ZipFile(archive)


@lru_cache(maxsize=4)
def _members(archive: Path, changed: int) -> dict[str, tuple[int, int]]:
    """Return name -> offset and size of an archive's files; `changed` keys the cache."""
    try:
        with tarfile.open(archive, "r:", ignore_zeros=True) as tar:
            return {member.name: (member.offset_data, member.size) for member in tar if member.isreg()}
    except tarfile.TarError as error:
        raise ValueError(str(error)) from error
