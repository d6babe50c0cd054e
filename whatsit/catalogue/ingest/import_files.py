"""Uploaded files that are imported into a catalogue, each in a folder of its own."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.column_map import SourceOptions

_TOKEN = re.compile("[0-9a-f]{32}")
_RECORD, _PREVIEW = "import.json", "preview.json"
SKIPPED = "skipped.csv"


@dataclass(frozen=True)
class ImportFile:
    """One uploaded file.

    Args:
        token: of the import, 32 hexadecimal digits.
        name: of the file, as it was uploaded.
        size: in bytes.
        made: UTC, ISO 8601.
        who: uploaded it.
        options: `columns`, `attributes`, `encoding` and `decimal` that the person gave.
        job: number of the run, None before the first.
    """

    token: str
    name: str
    size: int
    made: str
    who: str
    options: Mapping[str, Any] = field(default_factory=dict)
    job: int | None = None

    @property
    def source_options(self) -> SourceOptions:
        """Return the options for `open_source`.

        Raises:
            InvalidInput: a field is none.
        """
        given = self.options
        columns = {name: column for name, column in dict(given.get("columns") or {}).items() if column}
        attributes = tuple(given.get("attributes") or ())
        return SourceOptions(columns, given.get("encoding"), given.get("decimal"), beside=True, attributes=attributes)


class ImportFiles:
    """The uploads of one catalogue.

    Args:
        folder: of the catalogue.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "imports"

    def begin(self, name: str, who: str) -> tuple[ImportFile, Path]:
        """Return a new upload and the file to write it to.

        Raises:
            InvalidInput: the name has no ending.
        """
        plain = PurePosixPath(name.replace("\\", "/")).name.strip().strip(".")
        plain = re.sub(r"[^\w .()+-]", "_", plain)[-120:]
        if not PurePosixPath(plain).suffix:
            raise InvalidInput("Name the file with its ending, such as products.csv: it says what the file is.")
        token = secrets.token_hex(16)
        path = self.folder / token / plain
        path.parent.mkdir(parents=True)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return ImportFile(token, plain, 0, now, who), path

    def save(self, one: ImportFile) -> ImportFile:
        """Write the record of an upload."""
        path = self.folder / one.token / _RECORD
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(one), ensure_ascii=False), encoding="utf-8")
        new.replace(path)
        return one

    def change(self, one: ImportFile, **values: Any) -> ImportFile:
        """Write the record of an upload with other values, and return it."""
        return self.save(replace(one, **values))

    def get(self, token: str) -> ImportFile | None:
        """Return an upload, None where there is none."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            return ImportFile(**json.loads((self.folder / token / _RECORD).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def latest(self, limit: int) -> list[ImportFile]:
        """Return the latest uploads, newest first."""
        found = [self.get(path.name) for path in self.folder.glob("*")] if self.folder.is_dir() else []
        return sorted((one for one in found if one), key=lambda one: (one.made, one.token), reverse=True)[:limit]

    def path(self, one: ImportFile) -> Path:
        """Return the uploaded file."""
        return self.folder / one.token / one.name

    def remove(self, token: str) -> None:
        """Delete an upload with its folder."""
        shutil.rmtree(self.folder / token, ignore_errors=True)

    def preview(self, one: ImportFile) -> dict[str, Any]:
        """Return the latest preview: `preview` and `problem`."""
        with suppress(OSError, ValueError):
            return dict(json.loads((self.folder / one.token / _PREVIEW).read_text(encoding="utf-8")))
        return {"preview": None, "problem": None}

    def keep_preview(self, token: str, found: Mapping[str, Any]) -> None:
        """Write a preview."""
        path = self.folder / token / _PREVIEW
        path.write_text(json.dumps(dict(found), ensure_ascii=False), encoding="utf-8")
