"""The JSON file that names the served catalogues: {"name": "folder", ...}."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.search.watched_file import WatchedFile

DEFAULT_CATALOGUE = "default"  # name of the one catalogue of a server that was given a folder

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")


class FollowedCatalogues:
    """The catalogues of a file, read again when it changes.

    A damaged file, or one that is removed, leaves the catalogues as they were.

    Args:
        path: the file.

    Raises:
        Unavailable: it cannot be read.
        InvalidInput: it names no catalogues.
    """

    def __init__(self, path: Path) -> None:
        self._last = read_catalogues(path)
        self._file = WatchedFile(path, read_catalogues, "list of catalogues")

    def __call__(self) -> dict[str, Path]:
        """Return name -> folder, the default one first."""
        self._last = self._file() or self._last
        return self._last


def read_catalogues(path: Path) -> dict[str, Path]:
    """Return name -> folder, the default one first.

    A relative folder is relative to the file's.

    Raises:
        Unavailable: the file cannot be read.
        InvalidInput: it names no catalogues.
    """
    try:
        named = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unavailable(f"The list of catalogues {path} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f'{path} is not JSON ({str(error)[:100]}): write {{"NAME": "DIR"}}.') from error
    if not isinstance(named, dict) or not named or not all(isinstance(one, str) and one for one in named.values()):
        raise InvalidInput(f'{path} names no catalogues: write {{"NAME": "DIR"}}, the default one first.')
    for name in named:
        check_name(name)
    return {name: (path.parent / folder).resolve() for name, folder in named.items()}


def write_catalogues(path: Path, catalogues: Mapping[str, Path]) -> None:
    """Replace the file atomically.

    Raises:
        InvalidInput: there is no catalogue, or a name is none.
    """
    if not catalogues:
        raise InvalidInput("A server needs at least one catalogue: name one.")
    for name in catalogues:
        check_name(name)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    folders = {name: str(Path(folder).resolve()) for name, folder in catalogues.items()}
    new.write_text(json.dumps(folders, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def check_name(name: str) -> None:
    """Refuse what is no catalogue's name.

    Raises:
        InvalidInput: it is none.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"'{name[:60]}' is no name of a catalogue: take at most 60 letters, digits, - and _, a letter first."
        )


def unknown_catalogue(name: str, known: Iterable[str]) -> InvalidInput:
    """Return the error for a name that no served catalogue has."""
    names = list(known)
    return InvalidInput(
        f"There is no catalogue '{name[:60]}'; there {'is' if len(names) == 1 else 'are'} {', '.join(names)}."
    )
