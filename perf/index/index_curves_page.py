"""The curves of index_curves.py as a table, a page and a chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perf.common.setting import Setting
from perf.common.tables import chart, markdown

COLUMNS = ("kind", "effort", "vectors", "recall_at_10", "queries_per_second", "ms", "disk_bytes_per_vector",
           "resident_bytes_per_vector", "own_bytes_per_vector", "build_s", "build_threads")  # fmt: skip
# The page compares kinds at the first point of this recall.
_COMPARED = (0.9, 0.95, 0.99)


def write(
    out: Path, setting: Setting, vectors: int, dimension: int, built: dict[str, Any], rounds: list[dict[str, Any]]
) -> None:
    """Write index_curves.csv, .md and .png into a folder.

    Args:
        out: the folder.
        setting: of the measurement.
        vectors: in each index.
        dimension: of a vector.
        built: `Built` by kind.
        rounds: what `measure` returned, by kind.
    """
    lines: list[list[object]] = []
    page = [
        f"# {vectors:,} vectors of {dimension} numbers on one thread\n",
        f"{setting.date} UTC, commit {setting.commit}, {setting.processor}, {setting.versions}; printed by",
        "`python -m perf.index.index_curves`. Clustered like a catalogue; queries one by one; recall@10 against an",
        "exact search. Milliseconds are of the fastest point of a curve that has the recall. *Own* is memory that",
        "every process has for itself; the rest of what is resident is mapped and shared; hnswlib maps nothing.\n",
    ]
    compared = [f"ms at {one:.2f}" for one in _COMPARED]
    names = ["kind", "bytes a vector on disk", "resident", "own", "build s", *compared, "best recall"]
    rows = []
    labels = "recall@10", "queries per second, one thread"
    with chart(out / "index_curves.png", labels, (8, 5), 7, yscale="log") as axes:
        for kind, index in built.items():
            turns = [one[kind] for one in rounds]
            disk = index.file.stat().st_size / vectors
            taken = [1e6 * max(turn[name] for turn in turns) / vectors for name in ("resident_mb", "own_mb")]
            sizes = [f"{size:.0f}" for size in (disk, *taken)]
            points = []
            for place, (effort, recall, _) in enumerate(turns[0]["points"]):
                rate = max(turn["points"][place][2] for turn in turns if place < len(turn["points"]))
                points.append((recall, rate))
                words = " ".join(f"{name}={value}" for name, value in effort.items())
                figures = [f"{recall:.4f}", f"{rate:.1f}", f"{1000 / rate:.3f}"]
                lines.append([kind, words, vectors, *figures, *sizes, f"{index.seconds:.0f}", index.threads])
            first = [min((1000 / rate for recall, rate in points if recall >= one), default=None) for one in _COMPARED]
            cells = ["-" if one is None else f"{one:.2f}" for one in first]
            build = f"{index.seconds:.0f} ({index.threads} threads)"
            rows.append([kind, *sizes, build, *cells, f"{max(recall for recall, _ in points):.4f}"])
            front = [point for point in points if not any(o[0] >= point[0] and o[1] > point[1] for o in points)]
            axes.plot(*zip(*sorted(front), strict=True), marker="o", markersize=3, label=kind, linewidth=1)
        axes.set_xlim(left=0.7)
    setting.write(out / "index_curves.csv", COLUMNS, lines)
    page += markdown(names, rows)
    (out / "index_curves.md").write_text("\n".join(page) + "\n", encoding="utf-8")
    print("\n".join(page))
