"""Contents of a back-up: names and sizes of files, checksums, record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from whatsit_client.errors import Damaged

from whatsit.catalogue.serving_pair import EMBEDDERS, PAIRS
from whatsit.catalogue.store.picture_files import is_own

FORMAT = 1
DATABASE = "catalogue.sqlite"
CURRENT_FILE = "index/CURRENT"
# The last two files of an archive: checksums as `sha256sum -c SHA256SUMS` reads them, and the record.
SUMS = "SHA256SUMS"
RECORD = "backup.json"
# Files of the layout that are there or not, with their largest size.
SMALL_FILES: Mapping[str, int] = {"calibration.json": 1 << 24, "ranker.onnx": 1 << 30}
MAX_PICTURE = 1 << 28
# The unit of progress.
MB = 1_000_000

_MAX_FILE = 1 << 50
# Of a catalogue whose embedder was rolled out: the network that serves, so that the index is of use.
_NETWORK_FILE = re.compile(rf"{EMBEDDERS}/[0-9a-f]{{16}}-p\d{{1,4}}/model\.onnx", re.ASCII)
_FIXED = {DATABASE: _MAX_FILE, CURRENT_FILE: 1 << 10, PAIRS: 1 << 16, RECORD: 1 << 24, SUMS: 1 << 30, **SMALL_FILES}
_GENERATION_FILE = re.compile(r"index/generations/\d{6,12}-[0-9a-f]{8}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,50}", re.ASCII)
_SUM = re.compile(r"([0-9a-f]{64})  (\S+)", re.ASCII)


def size_limit(name: str) -> int | None:
    """Return the largest size of a file, None where no back-up holds such a file.

    Only these names are ever written below a folder: none is absolute, holds `..` or begins with a dot.
    """
    if name in _FIXED:
        return _FIXED[name]
    if is_own(name):
        return MAX_PICTURE
    return _MAX_FILE if _GENERATION_FILE.fullmatch(name) or _NETWORK_FILE.fullmatch(name) else None


@dataclass(frozen=True)
class BackupRecord:
    """What `backup.json` says.

    Args:
        format: version of the archive's layout.
        version: of Whatsit.
        created: UTC, ISO 8601.
        sequence: the catalogue's last change that is in it.
        items: how many there are.
        pictures: files of pictures in it.
        outside: pictures that lie elsewhere, a merchant's own files or on the web, and are not in it.
        generation: name of the index in it, None where none was published.
        files: how many files the checksums name.
        size: of these files in bytes.
        sums: SHA-256 of the checksums' file.
        missing: how many files rows name that were not there, or not as the rows say.
        missing_names: the first of them.
    """

    format: int
    version: str
    created: str
    sequence: int
    items: int
    pictures: int
    outside: int
    generation: str | None
    files: int
    size: int
    sums: str
    missing: int
    missing_names: tuple[str, ...]

    def to_json(self) -> str:
        """Return the text of `backup.json`."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: bytes, place: str) -> BackupRecord:
        """Read the text of `backup.json`.

        Args:
            text: the file's.
            place: of the archive, for the sentence.

        Raises:
            Damaged: it is none, or of a newer format.
        """
        try:
            data = json.loads(text)
            if data["format"] > FORMAT:
                raise Damaged(
                    f"The back-up {place} has format {data['format']} and this version reads up to {FORMAT}; update "
                    "Whatsit."
                )
            return cls(
                **{one.name: data[one.name] for one in fields(cls)} | {"missing_names": tuple(data["missing_names"])}
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Damaged(f"{RECORD} in the back-up {place} is not a record of one; use another back-up.") from error


def format_sums(sums: Mapping[str, str]) -> bytes:
    """Return the text of `SHA256SUMS`: name -> SHA-256, hex."""
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode("ascii")


def parse_sums(text: bytes, place: str) -> dict[str, str]:
    """Return name -> SHA-256 of the text of `SHA256SUMS`.

    Raises:
        Damaged: a line is none of it.
    """
    found = {}
    for line in text.decode("ascii", "replace").splitlines():
        match = _SUM.fullmatch(line)
        if match is None or size_limit(match[2]) is None:
            raise Damaged(f"{SUMS} in the back-up {place} has the line '{line[:80]}'; use another back-up.")
        found[match[2]] = match[1]
    return found
