"""Factory of sources by path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.cloud_image import SCHEMES, bucket_of, is_cloud
from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.compressed_tar import CompressedShards, ending_of
from whatsit.catalogue.sources.csv_file import CommaSeparated
from whatsit.catalogue.sources.database_table import DatabaseTable, is_database
from whatsit.catalogue.sources.json_file import JsonFile
from whatsit.catalogue.sources.json_lines import JsonLines
from whatsit.catalogue.sources.parquet import Parquet
from whatsit.catalogue.sources.picture_folder import Folder
from whatsit.catalogue.sources.product_feed import ProductFeed
from whatsit.catalogue.sources.product_folder import ProductFolders
from whatsit.catalogue.sources.remote_source import CloudFolder, CopiedSource, is_cloud_folder
from whatsit.catalogue.sources.source_row import Source
from whatsit.catalogue.sources.table import Table, TableSource
from whatsit.catalogue.sources.tar_shards import Shards, expand
from whatsit.catalogue.sources.workbook import ENDINGS, Workbook
from whatsit.catalogue.sources.zip_archive import ZipArchive
from whatsit.catalogue.web import Downloads

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)

_KINDS: dict[str, Callable[[Path, SourceOptions], Table]] = {
    ".csv": CommaSeparated,
    ".tsv": CommaSeparated,
    ".txt": CommaSeparated,
    ".json": JsonFile,
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".parquet": Parquet,
    ".xml": ProductFeed,
    **dict.fromkeys(ENDINGS, Workbook),
}


def open_source(path: Path | str, options: SourceOptions | None = None, downloads: Downloads | None = None) -> Source:
    """Open a path or address as a source: a folder, a table, an archive, a database.

    Args:
        path: of it; of shards also a pattern, `shard-{000..099}.tar` or `shard-*.tar`. As text also the address of a
            file on the web (http, https), of a file or folder in an object store (s3, gs, az), or of a database as
            SQLAlchemy writes it (`sqlite:///shop.db`).
        options: what the caller knows of it; None to find all out.
        downloads: the limits of the web.

    Raises:
        InvalidInput: it is not there, of no known kind, unreadable, or a table without the column `id`.
        Unavailable: a package for it is not installed.
    """
    options = options or SourceOptions()
    if isinstance(path, str) and _SCHEME.match(path):
        return _open_address(path, options, downloads or Downloads(allow_private=options.allow_private))
    path = Path(path)
    if path.is_dir():
        return ProductFolders(path) if options.folders == "products" else Folder(path)
    if path.suffix.lower() == ".tar" or ending_of(path):
        shards = expand(str(path))
        try:
            return CompressedShards(shards) if ending_of(path) else Shards(shards)
        except OSError as error:
            raise InvalidInput(f"{shards[0]} cannot be read ({error.strerror or error}).") from error
    if not path.is_file():
        raise InvalidInput(f"There is no file or folder {path}.")
    try:
        if path.suffix.lower() == ".zip":
            return ZipArchive(path, options, _open_table)
        found = _open_table(path, options)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror or error}).") from error
    if found is None:
        kinds = ", ".join([*_KINDS, ".zip", ".tar", ".tar.gz"])
        more = "; unpack it first" if path.name.lower().endswith((".7z", ".rar", ".gz", ".bz2", ".xz", ".zst")) else ""
        raise InvalidInput(f"{path} is of no known kind{more}; give a folder of pictures or a file {kinds}.")
    return found


def read_columns(path: Path, options: SourceOptions) -> Table:
    """Return a table alone, whatever its columns are, so that a person can map them.

    Raises:
        InvalidInput: it is no table, or cannot be read.
    """
    kind = _KINDS.get(path.suffix.lower())
    try:
        if kind is None:
            raise InvalidInput(f"{path} is no table of a known kind; the kinds are {', '.join(_KINDS)}.")
        return kind(path, replace(options, columns={}))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror or error}).") from error


def _open_address(url: str, options: SourceOptions, downloads: Downloads) -> Source:
    if url.lower().startswith(("http://", "https://")):
        return CopiedSource(url, options, downloads, open_source, _is_known)
    if is_cloud(url):
        if is_cloud_folder(url):
            return CloudFolder(url, options)
        return CopiedSource(url, replace(options, bucket=bucket_of(url)), None, open_source, _is_known)
    if is_database(url):
        return TableSource(DatabaseTable(url, options), options)
    scheme = url.partition(":")[0]
    raise InvalidInput(
        f"There is no source {scheme}://; addresses of sources are http(s), {', '.join(SCHEMES[:5])}, and "
        "SQLAlchemy's of databases (sqlite:///shop.db), and a file of this machine is named by its path."
    )


def _is_known(name: str) -> bool:
    return Path(name).suffix.lower() in (*_KINDS, ".zip", ".tar") or ending_of(Path(name)) is not None


def _open_table(path: Path, options: SourceOptions) -> TableSource | None:
    kind = _KINDS.get(path.suffix.lower())
    return None if kind is None else TableSource(kind(path, options), options)
