"""Recall@10 against queries a second of Whatsit's search and other libraries.

python -m perf.index.search_speed --build  # once; 5 to 10 minutes a graph for 200,000 vectors; stays in --work
python -m perf.index.search_speed  # 3 minutes: perf/results/search_speed.csv, .md and .png

Vectors as in perf.index.index_curves; queries one by one, one thread. All subjects are in one process and take turns,
round after round, with another order each time; a figure is the median of the rounds, in CPU seconds of the thread,
which other work on the machine moves little. Every graph has the same links and build effort. *Ours* is what a request
calls: `search_parts` on a memory-mapped shard, items and all; besides, with a tenth of the items deleted, and with
filters that leave 50, 10 and 1 % (recall against the exact answer among these).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import faiss
import numpy as np
import typer
from whatsit_client.errors import Unavailable

from perf.common.command import DATA, Data, Out, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tables import chart, markdown
from perf.index.index_curves import built, resident
from perf.index.many_vectors import WORK, Catalogue, Floats, Numbers, Work, catalogue, photos, recall
from whatsit.index.index_kind import HNSW_BUILD_EFFORT, HNSW_LINKS
from whatsit.index.shard import Shard
from whatsit.index.shard_search import Part, search_parts

K = 10
EFFORTS = (16, 32, 64, 128, 256)
SHARES = {"filter 50 %": 0.5, "filter 10 %": 0.1, "filter 1 %": 0.01}
COLUMNS = ("subject", "effort", "vectors", "recall_at_10", "queries_per_second", "rounds", "low", "high")
_REFERENCE = "hnswlib"
_COMPARED = (0.9, 0.95, 0.99)

Search = Callable[[Floats, int], Numbers]


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Args:
        name: of it.
        search: one query f32 [1,D] and an effort -> rows int64 [1,10].
        truth: int64 [Q,10], the exact answers.
    """

    name: str
    search: Search
    truth: Numbers


def subjects(made: Catalogue, work: Path, questions: Floats) -> list[Subject]:
    """Open every graph that was built."""
    truth = made.nearest[: len(questions), :K]
    count = len(made.vectors)
    files = {kind: work / f"index-{count}-{kind}" for kind in ("hnsw", "hnswlib", "usearch")}
    if missing := [str(file) for file in files.values() if not file.is_file()]:
        raise Unavailable(f"{', '.join(missing)} has not been built yet: run it with --build first.")
    bare = faiss.read_index(str(files["hnsw"]))

    def faiss_search(query: Floats, effort: int) -> Numbers:
        found: Numbers = bare.search(query, K, params=faiss.SearchParametersHNSW(efSearch=effort))[1]
        return found

    found = [
        Subject("hnswlib", _hnswlib(files["hnswlib"], made.vectors.shape[1]), truth),
        Subject("usearch", _usearch(files["usearch"]), truth),
        Subject("faiss", faiss_search, truth),
    ]
    rows = work / f"rows-{count}.npy"
    by_effort = {effort: Part(Shard.open(files["hnsw"], rows, {"ef_search": effort})) for effort in EFFORTS}
    found.append(Subject("ours", _ours(by_effort, None), truth))
    rng = np.random.default_rng(0)
    gone = np.sort(rng.choice(count, count // 10, replace=False))
    left = {effort: part.without(gone) for effort, part in by_effort.items()}
    kept = np.setdiff1d(np.arange(count), gone)
    found.append(Subject("ours, 10 % deleted", _ours(left, None), _exact(made.vectors, questions, kept)))
    for name, share in SHARES.items():
        allowed = np.sort(rng.choice(count, int(count * share), replace=False))
        found.append(Subject(f"ours, {name}", _ours(by_effort, allowed), _exact(made.vectors, questions, allowed)))
    return found


def _ours(parts: Mapping[int, Part], allowed: Numbers | None) -> Search:
    return lambda query, effort: search_parts([parts[effort]], query, K, allowed, 1)[1]


def _hnswlib(file: Path, dimension: int) -> Search:
    import hnswlib

    graph = hnswlib.Index("l2", dimension)
    graph.load_index(str(file))
    graph.set_num_threads(1)

    def search(query: Floats, effort: int) -> Numbers:
        graph.set_ef(effort)
        return np.asarray(graph.knn_query(query, k=K)[0], dtype=np.int64)

    return search


def _usearch(file: Path) -> Search:
    from usearch.index import Index

    graph: Any = Index.restore(str(file), view=False)

    def search(query: Floats, effort: int) -> Numbers:
        graph.expansion_search = effort
        return np.asarray(graph.search(query[0], K, threads=1).keys, dtype=np.int64)[None]

    return search


def _exact(vectors: Floats, questions: Floats, among: Numbers) -> Numbers:
    """Return the exact answers among some rows: int64 [Q,10]."""
    best = np.full((len(questions), 0), 0, dtype=np.int64), np.empty((len(questions), 0), dtype=np.float32)
    for start in range(0, len(among), 50_000):
        rows = among[start : start + 50_000]
        gaps, places = faiss.knn(questions, np.ascontiguousarray(vectors[rows]), min(K, len(rows)))
        joined, distances = np.hstack([best[0], rows[places]]), np.hstack([best[1], gaps])
        order = np.argsort(distances, axis=1, kind="stable")[:, :K]
        best = np.take_along_axis(joined, order, axis=1), np.take_along_axis(distances, order, axis=1)
    return best[0]


def build_usearch(made: Catalogue, work: Path) -> None:
    """Build usearch's graph where it is missing."""
    from usearch.index import Index

    file = work / f"index-{len(made.vectors)}-usearch"
    if file.is_file():
        return
    start = time.perf_counter()
    graph = Index(
        ndim=made.vectors.shape[1], metric="l2sq", connectivity=HNSW_LINKS, expansion_add=HNSW_BUILD_EFFORT, dtype="f32"
    )
    for first in range(0, len(made.vectors), 50_000):
        piece = np.ascontiguousarray(made.vectors[first : first + 50_000])
        graph.add(np.arange(first, first + len(piece)), piece, threads=1)
    graph.save(str(file))
    file.with_name(file.name + ".json").write_text(json.dumps({"seconds": time.perf_counter() - start, "threads": 1}))


def one_round(subject: Subject, questions: Floats, effort: int) -> tuple[float, float]:
    """Return recall, and queries a CPU second."""
    for row in range(min(20, len(questions))):
        subject.search(questions[row : row + 1], effort)
    start = time.thread_time()
    found = [subject.search(questions[row : row + 1], effort) for row in range(len(questions))]
    rate = len(questions) / (time.thread_time() - start)
    return recall(np.concatenate(found), subject.truth), rate


def at_recall(points: Mapping[int, tuple[float, list[float]]], wanted: float) -> float | None:
    """Return the rate at a recall, between measured points; None if out of reach."""
    curve = sorted((share, float(np.median(rates))) for share, rates in points.values())
    shares, rates = [point[0] for point in curve], [point[1] for point in curve]
    if shares[-1] < wanted:
        return None
    if shares[0] >= wanted:
        return max(rate for share, rate in curve)
    return float(np.exp(np.interp(wanted, shares, np.log(rates))))


def write(out: Path, setting: Setting, count: int, figures: Mapping[str, dict[int, tuple[float, list[float]]]]) -> None:
    """Write search_speed.csv, .md and .png."""
    rows: list[list[object]] = []
    for name, points in figures.items():
        for effort, (share, rates) in points.items():
            low, high = np.percentile(rates, [25, 75])
            median = f"{np.median(rates):.0f}"
            rows.append([name, effort, count, f"{share:.4f}", median, len(rates), f"{low:.0f}", f"{high:.0f}"])
    setting.write(out / "search_speed.csv", COLUMNS, rows)
    with chart(
        out / "search_speed.png", ("recall@10", "queries per CPU second, one thread"), (8, 5), 8, yscale="log"
    ) as axes:
        for name, points in figures.items():
            line = [(share, float(np.median(rates))) for share, rates in points.values()]
            dashed = "--" if name.startswith("ours,") else "-"
            axes.plot(*zip(*line, strict=True), marker="o", markersize=3, label=name, linestyle=dashed)
    table = []
    for name, points in figures.items():
        cells = []
        for wanted in _COMPARED:
            rate, against = at_recall(points, wanted), at_recall(figures[_REFERENCE], wanted)
            cells.append("-" if rate is None or against is None else f"{rate:,.0f} ({rate / against:.2f})")
        table.append([name, *cells])
    page = [
        f"# Search of {count:,} vectors of 128 numbers, one thread, one query at a time",
        "",
        f"{setting.date} UTC, commit {setting.commit}, {setting.processor}, {setting.cores} cores, {setting.versions}.",
        "Queries a CPU second at a recall@10, in brackets the ratio to hnswlib in the same run; `-`: not reached.",
        "",
        *markdown(["subject", *(f"at {wanted:.2f}" for wanted in _COMPARED)], table),
        "",
        "![curves](search_speed.png)",
        "",
        (__doc__ or "").strip().split("\n\n")[-1],
        "",
    ]
    (out / "search_speed.md").write_text("\n".join(page), encoding="utf-8")
    print("\n".join(page[:-4]))


def main(
    build_only: Annotated[bool, typer.Option("--build", help="Build what is missing, measure nothing.")] = False,
    data: Data = DATA,
    work: Work = WORK,
    vectors: Annotated[int, typer.Option(min=1000, help="How many, a multiple of four.")] = 200_000,
    queries: Annotated[int, typer.Option(min=10, max=1000, help="How many.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each subject.")] = 7,
    out: Out = RESULTS,
) -> None:
    """Build or measure, print and write."""
    faiss.omp_set_num_threads(1)
    made = catalogue(photos(data, work, "train"), vectors, 1000, work)
    if build_only:
        for kind in ("hnsw", "hnswlib"):
            built(kind, made, work, 1, True)
        build_usearch(made, work)
        return
    questions = np.ascontiguousarray(made.queries[:queries])
    measured = subjects(made, work, questions)
    figures: dict[str, dict[int, Any]] = {one.name: {effort: (0.0, []) for effort in EFFORTS} for one in measured}
    for turn in range(rounds):
        for subject in measured[turn % len(measured) :] + measured[: turn % len(measured)]:
            for effort in EFFORTS:
                share, rate = one_round(subject, questions, effort)
                figures[subject.name][effort] = share, [*figures[subject.name][effort][1], rate]
        print(f"round {turn + 1} of {rounds}, {resident()[0]:.0f} MB resident", flush=True)
    write(out, Setting.of_this_machine("perf.index.search_speed"), vectors, figures)


if __name__ == "__main__":
    run_command(main)
