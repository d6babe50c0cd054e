"""Pictures and files in object stores, by the addresses of fsspec."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from whatsit_client.errors import InvalidInput, Unavailable

# Not what fsspec reads beside these: files of this machine, hosts of this network, and chains of both.
SCHEMES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
_ADDRESS = re.compile(rf"({'|'.join(SCHEMES)})://([^/]*)(/.*)?", re.DOTALL)
_MOST_WORDS = 200


@dataclass(frozen=True)
class CloudImage:
    """A picture in an object store.

    Args:
        url: the address, such as `s3://bucket/pictures/cup.jpg`.
    """

    url: str

    @property
    def stem(self) -> str:
        """Return the file's name without folders and ending."""
        return PurePosixPath(self.url).stem

    @property
    def bucket(self) -> str:
        """Return the store and bucket that it lies in."""
        return bucket_of(self.url)

    def read(self, most: int) -> bytes:
        """Its bytes, at most so many.

        Raises:
            ValueError: it cannot be had.
        """
        try:
            system, path = opened(self.url)
            return bytes(system.cat_file(path, start=0, end=most))
        except FileNotFoundError as error:
            raise ValueError("there is no such picture") from error
        except InvalidInput:
            raise
        except Exception as error:  # each store has errors of its own
            raise ValueError(words_of(error)) from error


def is_cloud(source: str) -> bool:
    """Return whether an address is that of an object store."""
    return _ADDRESS.fullmatch(source) is not None and "::" not in source


def bucket_of(url: str) -> str:
    """Return the store and bucket of an address."""
    found = _ADDRESS.fullmatch(url)
    return f"{found[1]}://{found[2]}" if found else ""


def opened(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it.

    Raises:
        InvalidInput: the address is none of an object store.
        Unavailable: fsspec, or its package for the store, is not installed.
    """
    if not is_cloud(url):
        raise InvalidInput(f"'{url[:80]}' is no address of an object store ({', '.join(SCHEMES)}).")
    try:
        import fsspec

        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return] # fsspec has no types
    except ImportError as error:
        package = "gcsfs" if url.startswith("g") else "adlfs" if url.startswith("a") else "s3fs"
        raise Unavailable(f"{url.partition(':')[0]}:// needs {package}: pip install 'whatsit[cloud]'.") from error


def words_of(error: Exception) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split())[:_MOST_WORDS] or type(error).__name__
