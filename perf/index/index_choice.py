"""Check the index that `whatsit catalogue publish` chooses for three budgets.

python -m perf.index.index_choice  # a million vectors: 12 minutes on a quiet machine; perf/results/index_choice.*

The index is written as a catalogue's next generation is, in one shard, and asked again by pictures of items that are
not in it (the chooser makes queries of its own): recall among ten items against an exact search, and median
milliseconds of a query on one thread.
"""

from __future__ import annotations

import shutil
import time
from typing import Annotated

import faiss
import numpy as np
import typer

from perf.common.command import DATA, Data, Out, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tables import markdown
from perf.index.many_vectors import PICTURES, WORK, Work, catalogue, photos
from whatsit.index import write_generation
from whatsit.index.autotune import measure
from whatsit.index.index_budget import IndexBudget
from whatsit.index.probe_queries import Probes
from whatsit.index.shard_search import Part, first_of_each

# Milliseconds, bytes a vector and recall.
TRIPLES = ((30.0, 200, 0.95), (3.0, 200, 0.95), (3.0, 600, 0.99))
COLUMNS = ("vectors", "max_query_ms", "max_memory_mb", "min_recall", "chosen", "effort", "query_ms", "memory_mb",
           "recall", "met", "asked_again_ms", "asked_again_recall", "seconds")  # fmt: skip


def main(
    data: Data = DATA,
    work: Work = WORK,
    vectors: Annotated[int, typer.Option(help="How many.")] = 1_000_000,
    threads: Annotated[int, typer.Option(help="Of building; queries have one.")] = 2,
    out: Out = RESULTS,
) -> None:
    """Measure, print and write."""
    faiss.omp_set_num_threads(threads)
    setting = Setting.of_this_machine("perf.index.index_choice")
    made = catalogue(photos(data, work, "train"), vectors, 1000, work)
    # Of 100 rows in each item's four pictures there are 25 items and more, nearest first.
    gaps = np.tile(np.arange(made.nearest.shape[1], dtype=np.float32), (len(made.nearest), 1))
    probes = Probes(made.queries[:300], first_of_each(gaps, made.items[made.nearest], 10)[1][:300])
    lines: list[list[object]] = []
    for ms, size, recall in TRIPLES:
        budget = IndexBudget(max_query_ms=ms, max_memory=size * vectors, min_recall=recall, sharding="one")
        root = work / "chosen"
        shutil.rmtree(root, ignore_errors=True)
        start = time.perf_counter()
        generation = write_generation(root, made.vectors, made.items, "perf", budget=budget, progress=_log)
        seconds = time.perf_counter() - start
        found = generation.manifest.measured
        again = measure([Part(shard) for shard in generation.shards], probes, PICTURES)
        effort = " ".join(f"{name}={value}" for name, value in found["effort"].items())
        lines.append(
            [vectors, ms, f"{budget.max_memory / 1e6:.0f}" if budget.max_memory else "", recall,
             found["kind"], effort, f"{found['query_ms']:.2f}", f"{found['bytes'] / 1e6:.0f}", f"{found['recall']:.4f}",
             "no" if generation.manifest.note else "yes", f"{again[2]:.2f}", f"{again[0]:.4f}", f"{seconds:.0f}"]
        )  # fmt: skip
        print("\r", *lines[-1], generation.manifest.note, flush=True)
        shutil.rmtree(root)
    setting.write(out / "index_choice.csv", COLUMNS, lines)
    head = f"# Chosen by budgets\n\n{setting.date} UTC, commit {setting.commit}, {setting.processor}; printed by\n"
    text = head + "`python -m perf.index.index_choice`. `asked_again` is by other queries than the chooser's.\n\n"
    (out / "index_choice.md").write_text(text + "\n".join(markdown(COLUMNS, lines)) + "\n", encoding="utf-8")


def _log(stage: str, done: int, total: int) -> None:
    if not total or done == total or done % 200_000 == 0:
        print(f"  {stage}: {done} of {total}", flush=True)


if __name__ == "__main__":
    run_command(main)
