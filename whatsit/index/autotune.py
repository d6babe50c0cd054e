"""Selection of an index kind by budgets: the smallest measured one that meets all."""

from __future__ import annotations

import shutil
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from whatsit.index.index_budget import IndexBudget, Measured
from whatsit.index.index_kind import Floats, Kind, Numbers
from whatsit.index.probe_queries import K, Probes, recall
from whatsit.index.shard_files import Progress, bytes_of, open_parts, quiet, with_effort, write_shards
from whatsit.index.shard_search import Part, Routing, search_parts
from whatsit.index.sharding import Share

# Beyond, a kind is tried on so many rows first; what is hopeless there is not built in full.
TRIED_ON = 40_000
# A sample is easier than the whole: it must not be worse than the budgets by more than this.
_RECALL_MARGIN = 0.01
# How time grows with the rows is a guess; that of lists is a rough one, and they are built in a minute.
_TIME_MARGIN = {"flat": 1.3, "ivf": 4.0, "ivfpq": 4.0, "hnsw": 1.3}
_CANDIDATES = [
    Kind.parse(one)
    for one in (
        "flat-byte", "ivf-byte", "ivfpq-byte", "flat-half", "ivf-half", "ivfpq-half", "hnsw-byte", "flat", "ivf",
        "hnsw-half", "ivfpq", "hnsw",
    )
]  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """The chosen index; its shards lie in the folder that was given.

    Args:
        entries: for the manifest.
        measured: of the index.
        note: which budget could not be met and what came nearest, "" where all are met.
    """

    entries: tuple[dict[str, Any], ...]
    measured: Measured
    note: str


def choose(
    folder: Path,
    vectors: Floats,
    items: Numbers,
    shares: Sequence[Share],
    budget: IndexBudget,
    routing: Routing | None = None,
    progress: Progress = quiet,
) -> Choice:
    """Build kinds of index, fewest bytes first, until one meets the budgets.

    Large catalogues try each kind on a sample first; what is chosen was measured with all rows. Each kind gets the
    least search effort that reaches the recall.

    Args:
        folder: takes the shards' files.
        vectors: f32 [N,D], N at least 1; may be memory-mapped.
        items: int64 [N], ascending.
        shares: of the rows.
        budget: the budgets.
        routing: to the shards; None where all are searched.
        progress: called with rows done and in all.
    """
    progress("Exact search", 0, 0)
    probes = Probes.of(vectors, items)
    known = [Kind.parse(budget.kind)] if budget.kind else _CANDIDATES
    affordable = [kind for kind in known if _fits(kind, vectors, budget)] or known[:1]
    sample = None
    if len(vectors) > TRIED_ON and len(affordable) > 1:
        sample = _Sample.of(folder, vectors, items, progress)

    def tried(kind: Kind) -> Choice:
        trial = folder / f"trial-{kind}"
        trial.mkdir()
        entries = write_shards(trial, vectors, items, shares, kind, progress=progress)
        measured = _tuned(trial, entries, kind, probes, _rows_per_item(items), budget, routing)
        return Choice(with_effort(entries, measured.effort), measured, "")

    best: Choice | None = None
    hopeless: dict[Kind, float] = {}
    for kind in affordable:
        if sample is not None:
            budget_ratio = sample.budget_ratio(kind, budget)
            if budget_ratio > 1.0:
                hopeless[kind] = budget_ratio
                continue
        best = _better(folder, best, tried(kind), budget)
        if best.measured.budget_ratio(budget) <= 1.0:
            break
    # None is hopeful: the one that comes nearest is built all the same.
    best = best or tried(min(hopeless, key=lambda kind: hopeless[kind]))
    trial = folder / f"trial-{best.measured.kind}"
    for path in trial.iterdir():
        path.rename(folder / path.name)
    trial.rmdir()
    return Choice(best.entries, best.measured, _note(best.measured, budget))


def _better(folder: Path, one: Choice | None, other: Choice, budget: IndexBudget) -> Choice:
    """Return the one nearer to the budgets; remove the files of the other."""
    if one is None:
        return other
    first, second = sorted((one, other), key=lambda choice: choice.measured.budget_ratio(budget))
    shutil.rmtree(folder / f"trial-{second.measured.kind}")
    return first


def measure(
    parts: Sequence[Part], probes: Probes, rows_per_item: int, routing: Routing | None = None
) -> tuple[float, float, float]:
    """Return recall@10, its standard error, and median milliseconds on one thread."""
    spent, found = [], []
    with one_thread():
        search_parts(parts, probes.queries[:1], K, None, rows_per_item, routing)
        for query in probes.queries:
            start = time.perf_counter()
            found.append(search_parts(parts, query[None], K, None, rows_per_item, routing)[1][0])
            spent.append(1000 * (time.perf_counter() - start))
    shares = np.array([recall(row[None], right[None]) for row, right in zip(found, probes.nearest, strict=True)])
    return float(shares.mean()), float(shares.std() / np.sqrt(len(shares))), float(np.median(spent))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run FAISS on one thread."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _tuned(
    folder: Path,
    entries: Sequence[dict[str, Any]],
    kind: Kind,
    probes: Probes,
    rows_per_item: int,
    budget: IndexBudget,
    routing: Routing | None,
) -> Measured:
    """Return the least effort that reaches the recall, else the nearest one tried."""
    size, asked = bytes_of(folder, entries), len(probes.queries)
    tried: list[Measured] = []
    efforts = kind.efforts(max(int(one["rows"]) for one in entries))

    def reaches(place: int) -> bool:
        parts = open_parts(folder, entries, efforts[place])
        share, error, ms = measure(parts, probes, rows_per_item, routing)
        found = (round(share, 4), round(error, 4), round(ms, 3), size, asked)
        tried.append(Measured(str(kind), efforts[place], *found))
        return tried[-1].recall_lower_bound >= budget.recall

    most = len(efforts) - 1
    if reaches(most):
        bisect_left(range(most), True, key=reaches)
    elif most:
        reaches(most // 2)
    return min(tried, key=lambda one: one.budget_ratio(budget))


@dataclass
class _Sample:
    """A part of a catalogue on which kinds are tried.

    Args:
        folder: for files that are removed again.
        vectors: f32 [n,D].
        items: int64 [n], ascending.
        total: rows of the catalogue.
        probes: of these rows.
        progress: called with rows done and in all.
    """

    folder: Path
    vectors: Floats
    items: Numbers
    total: int
    probes: Probes
    progress: Progress

    @classmethod
    def of(cls, folder: Path, vectors: Floats, items: Numbers, progress: Progress) -> _Sample:
        """Sample whole items, evenly over the catalogue."""
        numbers = np.unique(items)
        taken = numbers[:: -(-len(vectors) // TRIED_ON)]
        rows = np.flatnonzero(np.isin(items, taken))
        sample, owners = np.array(vectors[rows], dtype=np.float32), np.asarray(items)[rows]
        return cls(folder, sample, owners, len(vectors), Probes.of(sample, owners), progress)

    def budget_ratio(self, kind: Kind, budget: IndexBudget) -> float:
        """Estimate the factor by which a kind misses recall and time with all rows."""
        trial = self.folder / f"sample-{kind}"
        trial.mkdir()
        entries = write_shards(trial, self.vectors, self.items, (Share("all"),), kind, progress=self._step)
        lenient = IndexBudget(min_recall=max(budget.recall - _RECALL_MARGIN, 0.01), max_query_ms=budget.query_ms)
        measured = _tuned(trial, entries, kind, self.probes, _rows_per_item(self.items), lenient, None)
        shutil.rmtree(trial)
        growth = self.total / len(self.items)
        slower = {"flat": growth, "ivf": growth**0.5, "ivfpq": growth**0.5, "hnsw": 1.0}[kind.structure]
        ms = measured.query_ms * slower / _TIME_MARGIN[kind.structure]
        return replace(measured, query_ms=ms).budget_ratio(lenient)

    def _step(self, stage: str, done: int, total: int) -> None:
        self.progress(f"{stage} on a sample", done, total)


def _fits(kind: Kind, vectors: Floats, budget: IndexBudget) -> bool:
    size = len(vectors) * (kind.bytes_per_vector(vectors.shape[1]) + 8)
    return budget.max_memory is None or size <= budget.max_memory


def _rows_per_item(items: Numbers) -> int:
    return -(-len(items) // max(len(np.unique(items)), 1))


def _note(measured: Measured, budget: IndexBudget) -> str:
    if measured.budget_ratio(budget) <= 1.0:
        return ""
    missed = []
    if measured.recall_lower_bound < budget.recall:
        missed.append(f"recall {budget.recall:g}")
    if measured.query_ms > budget.query_ms:
        missed.append(f"{budget.query_ms:g} ms a query")
    if budget.max_memory is not None and measured.bytes > budget.max_memory:
        missed.append(f"{budget.max_memory / 1e6:.0f} MB")
    return (
        f"No index met {' and '.join(missed)} with the other budgets; the nearest is {measured.kind} with recall "
        f"{measured.recall:.3f}, {measured.query_ms:.2f} ms a query and {measured.bytes / 1e6:.0f} MB."
    )
