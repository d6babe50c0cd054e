"""Files of a generation's shards: building and opening."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from whatsit.index.index_kind import Effort, Floats, Kind, Numbers, build
from whatsit.index.shard import Shard
from whatsit.index.shard_search import Part
from whatsit.index.sharding import Share

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, its rows done and its rows in all."""


def quiet(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


def write_shards(
    folder: Path,
    vectors: Floats,
    items: Numbers,
    shares: Sequence[Share],
    kind: Kind,
    effort: Effort | None = None,
    progress: Progress = quiet,
) -> tuple[dict[str, Any], ...]:
    """Build and write shards one by one: one is in memory beside the vectors.

    Args:
        folder: is there.
        vectors: f32 [N,D], may be memory-mapped.
        items: int64 [N] ascending.
        shares: of the rows.
        kind: of every shard.
        effort: of its searches; the kind's usual one when None.
        progress: called with rows done and in all.

    Returns:
        The entries of the manifest.
    """
    total = sum(share.count(len(vectors)) for share in shares)
    done, entries = 0, []
    for number, share in enumerate(shares):
        part = share.of(vectors)
        before = done

        def step(rows: int, _: int, before: int = before) -> None:
            progress(f"Building {kind}", before + rows, total)

        index = build(part, kind, step)
        file, numbers = f"shard-{number}.faiss", f"shard-{number}.items.npy"
        faiss.write_index(index, str(folder / file))
        np.save(folder / numbers, items if share.rows is None else items[share.rows], allow_pickle=False)
        real = kind.at(len(part))
        entries.append(
            {
                "name": share.name,
                "file": file,
                "items": numbers,
                "kind": str(real),
                "rows": len(part),
                "effort": dict(real.usual_effort(len(part)) if effort is None else _fitting(effort, real)),
            }
        )
        done += len(part)
    return tuple(entries)


def open_parts(folder: Path, entries: Sequence[dict[str, Any]], effort: Effort | None = None) -> list[Part]:
    """Open the shards of `write_shards` with this effort or that of the entries."""
    return [
        Part(Shard.open(folder / one["file"], folder / one["items"], one["effort"] if effort is None else effort))
        for one in entries
    ]


def with_effort(entries: Sequence[dict[str, Any]], effort: Effort) -> tuple[dict[str, Any], ...]:
    """Return the entries with another search effort."""
    return tuple({**one, "effort": _fitting(effort, Kind.parse(one["kind"]))} for one in entries)


def bytes_of(folder: Path, entries: Sequence[dict[str, Any]]) -> int:
    """Return the bytes of the shards on disk, item numbers included."""
    return sum((folder / one[name]).stat().st_size for one in entries for name in ("file", "items"))


def _fitting(effort: Effort, kind: Kind) -> dict[str, int]:
    """Return the effort that a kind has: a small shard of an inverted file is flat."""
    return {} if kind.structure == "flat" else dict(effort)
