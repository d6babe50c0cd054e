"""Recall@10 against queries per second for each kind of index, and hnswlib.

python -m perf.index.index_curves --build  # once, 40 minutes on 2 threads; what is built stays in --work
python -m perf.index.index_curves  # 8 minutes on a quiet machine: perf/results/index_curves.csv, .md and .png

The million vectors are perturbed real embeddings, clustered like a catalogue (see many_vectors.py); queries are
pictures that are not among them, asked one by one. Every kind is measured in a process of its own, in rounds, so that a
slow moment meets all of them; the faster round of a point counts. hnswlib gets our graph's links and build effort.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import faiss
import numpy as np
import numpy.typing as npt
import typer
from whatsit_client.errors import Unavailable

from perf.common.command import DATA, Data, Out, chosen, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tables import chart, markdown
from perf.index.many_vectors import WORK, Catalogue, Work, catalogue, photos, recall
from whatsit.index.index_kind import HNSW_BUILD_EFFORT, HNSW_LINKS, Kind, build
from whatsit.index.shard import Shard

KINDS = ("flat", "flat-half", "flat-byte", "ivf", "ivf-half", "ivf-byte", "ivfpq-half", "ivfpq-byte", "hnsw",
         "hnsw-byte", "hnswlib")  # fmt: skip
K = 10
COLUMNS = ("kind", "effort", "vectors", "recall_at_10", "queries_per_second", "ms", "disk_bytes_per_vector",
           "resident_bytes_per_vector", "own_bytes_per_vector", "build_s", "build_threads")  # fmt: skip
# The page compares kinds at the first point of this recall.
_COMPARED = (0.9, 0.95, 0.99)
# A scan takes 100 times as long as the others.
SCANS = 40
ENOUGH = 0.9995

Search = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Built:
    """An index on disk.

    Args:
        file: of it.
        seconds: that building took.
        threads: that it took them on.
    """

    file: Path
    seconds: float
    threads: int


def built(kind: str, made: Catalogue, work: Path, threads: int, make: bool) -> Built | None:
    """Return the index of a kind; built where it is missing and `make` is set."""
    file = work / f"index-{len(made.vectors)}-{kind}"
    note = file.with_name(file.name + ".json")
    if not note.is_file():
        if not make:
            return None
        print(f"building {kind} on {threads} threads", flush=True)
        start = time.perf_counter()
        if kind == "hnswlib":
            import hnswlib

            graph = hnswlib.Index("l2", made.vectors.shape[1])
            graph.init_index(len(made.vectors), M=HNSW_LINKS, ef_construction=HNSW_BUILD_EFFORT)
            for first in range(0, len(made.vectors), 50_000):
                graph.add_items(made.vectors[first : first + 50_000], num_threads=threads)
                _log(kind, min(first + 50_000, len(made.vectors)), len(made.vectors), start)
            graph.save_index(str(file))
        else:
            index = build(made.vectors, Kind.parse(kind), lambda done, total: _log(kind, done, total, start))
            faiss.write_index(index, str(file))
        note.write_text(json.dumps({"seconds": time.perf_counter() - start, "threads": threads}))
        np.save(work / f"rows-{len(made.vectors)}.npy", np.arange(len(made.vectors)))
    return Built(file, **json.loads(note.read_text()))


def _log(kind: str, done: int, total: int, start: float) -> None:
    if done % 200_000 == 0:
        print(f"  {kind}: {done} of {total} rows, {time.perf_counter() - start:.0f} s", flush=True)


def resident() -> tuple[float, float]:
    """Return resident megabytes of this process, and those not mapped from files."""
    found = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return tuple(int(found[name].split()[0]) / 1000 for name in ("Rss", "Anonymous"))  # type: ignore[return-value]  # two


def measure(kind: str, file: Path, rows: Path, queries: Path, nearest: Path, asked: int) -> dict[str, object]:
    """Measure one round of one kind, in a process of its own.

    Returns:
        `points`: effort, recall and queries per second of each; `resident_mb` and `own_mb` after all searches.
    """
    faiss.omp_set_num_threads(1)
    questions, truth = np.load(queries)[:asked], np.load(nearest)[:asked, :K]
    before = resident()
    if kind == "hnswlib":
        import hnswlib

        graph = hnswlib.Index("l2", questions.shape[1])
        graph.load_index(str(file))
        graph.set_num_threads(1)
        efforts: list[dict[str, int]] = Kind.parse("hnsw").efforts(graph.element_count)
    else:
        shard = Shard.open(file, rows)
        efforts = Kind.parse(kind).efforts(len(shard.items))
    if kind.startswith("flat"):
        questions, truth = questions[:SCANS], truth[:SCANS]
    points: list[tuple[dict[str, int], float, float]] = []
    for effort in efforts:
        if kind == "hnswlib":
            graph.set_ef(effort["ef_search"])
            search: Search = lambda query: graph.knn_query(query, k=K)[0]  # noqa: E731  # one of two
        else:
            tuned = Shard(shard.index, shard.items, effort)
            search = lambda query, tuned=tuned: tuned.search(query, K, None)[1]  # type: ignore[misc]  # noqa: E731
        for query in questions[: len(questions) // 5]:
            search(query[None])
        start = time.perf_counter()
        found = np.concatenate([search(query[None]) for query in questions])
        rate = len(questions) / (time.perf_counter() - start)
        points.append((effort, recall(found.astype(np.int64), truth), rate))
        if points[-1][1] >= ENOUGH and "k_factor" not in effort:
            break
    after = resident()
    return {"points": points, "resident_mb": after[0] - before[0], "own_mb": after[1] - before[1]}


def write(
    out: Path, setting: Setting, vectors: int, dimension: int, indexes: dict[str, Any], rounds: list[dict[str, Any]]
) -> None:
    """Write index_curves.csv, .md and .png from the results of `measure` by kind."""
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
        for kind, index in indexes.items():
            turns = [one[kind] for one in rounds]
            disk = index.file.stat().st_size / vectors
            taken = [1e6 * max(turn[name] for turn in turns) / vectors for name in ("resident_mb", "own_mb")]
            sizes = [f"{size:.0f}" for size in (disk, *taken)]
            points = []
            for place, (effort, share, _) in enumerate(turns[0]["points"]):
                rate = max(turn["points"][place][2] for turn in turns if place < len(turn["points"]))
                points.append((share, rate))
                words = " ".join(f"{name}={value}" for name, value in effort.items())
                figures = [f"{share:.4f}", f"{rate:.1f}", f"{1000 / rate:.3f}"]
                lines.append([kind, words, vectors, *figures, *sizes, f"{index.seconds:.0f}", index.threads])
            first = [min((1000 / rate for share, rate in points if share >= one), default=None) for one in _COMPARED]
            cells = ["-" if one is None else f"{one:.2f}" for one in first]
            build = f"{index.seconds:.0f} ({index.threads} threads)"
            rows.append([kind, *sizes, build, *cells, f"{max(share for share, _ in points):.4f}"])
            front = [point for point in points if not any(o[0] >= point[0] and o[1] > point[1] for o in points)]
            axes.plot(*zip(*sorted(front), strict=True), marker="o", markersize=3, label=kind, linewidth=1)
        axes.set_xlim(left=0.7)
    setting.write(out / "index_curves.csv", COLUMNS, lines)
    page += markdown(names, rows)
    (out / "index_curves.md").write_text("\n".join(page) + "\n", encoding="utf-8")
    print("\n".join(page))


def main(
    build_only: Annotated[bool, typer.Option("--build", help="Build what is missing, measure nothing.")] = False,
    data: Data = DATA,
    work: Work = WORK,
    vectors: Annotated[int, typer.Option(help="How many.")] = 1_000_000,
    queries: Annotated[int, typer.Option(help="How many, at most 1,000.")] = 400,
    turns: Annotated[int, typer.Option("--rounds", help="Measurements of each kind.")] = 2,
    threads: Annotated[int, typer.Option(help="Of building; queries have one.")] = 2,
    kinds: Annotated[str, typer.Option(help="Kinds of index, a comma list.")] = ",".join(KINDS),
    out: Out = RESULTS,
) -> None:
    """Build or measure, print and write."""
    faiss.omp_set_num_threads(threads)
    setting = Setting.of_this_machine("perf.index.index_curves")
    made = catalogue(photos(data, work, "train"), vectors, 1000, work)
    indexes = {kind: built(kind, made, work, threads, build_only) for kind in chosen(kinds, KINDS, "kind")}
    if build_only:
        return
    ready = {kind: one for kind, one in indexes.items() if one is not None}
    if not ready:
        raise Unavailable("No index has been built yet: run it with --build first.")
    folder = work / f"vectors-{vectors}-0"
    rounds: list[dict[str, dict[str, object]]] = []
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for turn in range(turns):
            rounds.append({})
            for kind, index in ready.items():
                task = (kind, index.file, work / f"rows-{vectors}.npy", folder / "queries.npy",
                        folder / "nearest.npy", queries)  # fmt: skip
                rounds[-1][kind] = pool.apply(measure, task)
                print(f"round {turn + 1} of {turns}: {kind} done", flush=True)
    write(out, setting, vectors, made.vectors.shape[1], ready, rounds)


if __name__ == "__main__":
    run_command(main)
