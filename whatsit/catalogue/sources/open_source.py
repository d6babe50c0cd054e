"""Factory of sources by path."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.csv_file import CommaSeparated
from whatsit.catalogue.sources.json_lines import JsonLines
from whatsit.catalogue.sources.parquet import Parquet
from whatsit.catalogue.sources.picture_folder import Folder
from whatsit.catalogue.sources.source_row import Source
from whatsit.catalogue.sources.tar_shards import Shards, expand

_KINDS: dict[str, type[CommaSeparated] | type[JsonLines] | type[Parquet]] = {
    ".csv": CommaSeparated,
    ".tsv": CommaSeparated,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".parquet": Parquet,
}


def open_source(path: Path) -> Source:
    """Open a path as a source: a folder of pictures, a table or tar shards.

    Args:
        path: of it; of shards also a pattern, `shard-{000..099}.tar` or `shard-*.tar`.

    Raises:
        InvalidInput: it is not there, of no known kind, unreadable, or a table without the columns `id` and `image`.
    """
    if path.is_dir():
        return Folder(path)
    if path.suffix.lower() == ".tar":
        shards = expand(str(path))
        try:
            return Shards(shards)
        except OSError as error:
            raise InvalidInput(f"{shards[0]} cannot be read ({error.strerror or error}).") from error
    if not path.is_file():
        raise InvalidInput(f"There is no file or folder {path}.")
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        kinds = ", ".join([*_KINDS, ".tar"])
        raise InvalidInput(f"{path} is of no known kind; give a folder of pictures or a file {kinds}.")
    try:
        return kind(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror or error}).") from error
