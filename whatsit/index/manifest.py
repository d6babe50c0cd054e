"""Manifest of a generation: content, embedder and checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from whatsit_client.errors import Damaged

FORMAT = 2
MANIFEST = "manifest.json"
REPAIR = "run 'whatsit catalogue publish' to write it anew"


# What older manifests leave out.
_SINCE: dict[str, Any] = {"sequence": 0, "pictures": 0, "touch": 0, "wishes": {}, "measured": {}, "note": ""}
# Keys of the file, which indexes on disk have, where they differ from the field.
_KEYS = {"nprobe": "touch", "budget": "wishes"}


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says.

    Args:
        format: version of the folder's layout.
        fingerprint: identifies the embedder (network and preprocessing) behind the vectors.
        dimension: length of one vector.
        vectors: rows over all shards.
        items: distinct item numbers among the rows.
        content: SHA-256 over fingerprint, vectors and item numbers; the same content has the same value.
        created: UTC, ISO 8601.
        shards: one entry per shard: `name`, `file` and `items` (file names), `kind` (see `Kind`), `effort`, `rows`;
            before format 2 without `name` and `effort`.
        files: file name -> SHA-256 of every file but the manifest.
        sequence: the catalogue's last change that is in it; 0 in manifests of before there was a change log.
        pictures: how many pictures are there with visual words; 0 where geometry was not asked for.
        nprobe: shards that a query goes to; 0 for all.
        budget: what the catalogue's owner asked of the index; see `IndexBudget`.
        measured: what was measured of the index when budgets chose it; see `Measured`.
        note: a sentence about budgets that could not be met, or "".
    """

    format: int
    fingerprint: str
    dimension: int
    vectors: int
    items: int
    content: str
    created: str
    shards: tuple[dict[str, Any], ...]
    files: Mapping[str, str]
    sequence: int = 0
    pictures: int = 0
    nprobe: int = 0
    budget: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into `folder`."""
        data = {_KEYS.get(name, name): value for name, value in asdict(self).items()}
        (folder / MANIFEST).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and check `folder/manifest.json`.

        Raises:
            Damaged: it is missing, no manifest, or of a newer format.
        """
        path = folder / MANIFEST
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] > FORMAT:
                raise Damaged(
                    f"The index {folder} has format {data['format']} and this version of Whatsit reads up to {FORMAT}; "
                    f"update Whatsit or {REPAIR}."
                )
            data = {**_SINCE, **data}
            values = {one.name: data[_KEYS.get(one.name, one.name)] for one in fields(cls)}
            manifest = cls(**values | {"shards": tuple(data["shards"])})
            for shard in manifest.shards:
                if not {"file", "items", "kind", "rows"} <= shard.keys():
                    raise KeyError("shards")
            return manifest
        except FileNotFoundError as error:
            raise Damaged(f"The index {folder} has no {MANIFEST}; {REPAIR}.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"{path} is not the manifest of an index; {REPAIR}.") from error

    def verify(self, folder: Path) -> None:
        """Compare every file with its checksum.

        Raises:
            Damaged: a file is missing or differs.
        """
        for name, expected in self.files.items():
            path = folder / name
            try:
                found = file_sha256(path)
            except OSError as error:
                raise Damaged(f"{path} of the index is missing or unreadable; {REPAIR}.") from error
            if found != expected:
                raise Damaged(f"{path} of the index does not match its checksum; {REPAIR}.")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as hex, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
