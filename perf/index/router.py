"""Recall of ten neighbours against the shards that a query touches.

python -m perf.index.router --data ../shared/data  # perf/results/router.csv, .md, .png; 5 minutes on 2 threads

Three catalogues:

- `categories`: the grocery train photos and perturbed copies of them, a shard for each of the 81 classes; the val
  photos are the queries. With the *predicted* category the shards whose centroids are nearest come first; with the
  *true* one the shard of the photo's own class comes first and the others follow as before.
- `photos in clusters`: the grocery and clothing train photos and perturbed copies of them in 16 unsupervised clusters;
  the val photos of both are the queries.
- `million in clusters`: vectors made from photos (see many_vectors.py); held-out pictures of their items ask.

The full search that recall is measured against is exact. Nothing here is a time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import faiss
import numpy as np
import numpy.typing as npt
import typer

from perf.common.command import DATA, Data, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tables import chart, markdown
from perf.index.many_vectors import WORK, Photos, Work, catalogue, perturbed, photos
from whatsit.index.router import Router
from whatsit.index.sharding import Labels, Share, divide

TOUCHED = (1, 2, 3, 4, 8)
COLUMNS = ("catalogue", "vectors", "queries", "shards", "category", "touched", "recall_at_10", "own_class_touched")
COPIES = 20
GROCERY = 81

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


def order(router: Router, queries: Floats, shards: int, first: Numbers | None) -> Numbers:
    """Return every query's shards, nearest first, int64 [Q,shards]."""
    distances = router.distances(queries, shards)
    if first is not None:
        distances[np.arange(len(queries)), first] = -1
    return np.argsort(distances, axis=1, kind="stable")


def recall_when_touched(ordered: Numbers, shard_of: Numbers, nearest: Numbers, touched: int) -> float:
    """Return the share of the nearest rows in the first `touched` shards."""
    inside = (shard_of[nearest][:, :, None] == ordered[:, None, :touched]).any(axis=2)
    return float(inside.mean())


def shard_of_rows(shares: tuple[Share, ...], total: int) -> Numbers:
    """Return the shard of each row, int64 [N]."""
    owners = np.full(total, -1, dtype=np.int64)
    for shard, share in enumerate(shares):
        owners[share.rows if share.rows is not None else slice(None)] = shard
    return owners


def rows_for(
    name: str, vectors: Floats, shares: tuple[Share, ...], queries: Floats, nearest: Numbers, own: Numbers | None
) -> list[list[object]]:
    """Return the lines of one catalogue.

    Args:
        name: of the catalogue.
        vectors: f32 [N,D].
        shares: its shards.
        queries: f32 [Q,D].
        nearest: int64 [Q,10], rows.
        own: int64 [Q], the shard of each query's true category; None where shards are no categories.
    """
    router, owners, count = Router.learn(vectors, shares), shard_of_rows(shares, len(vectors)), len(shares)
    lines: list[list[object]] = []
    for category, first in (("predicted", None), ("true", own)):
        if category == "true" and own is None:
            continue
        ordered = order(router, queries, count, first)
        for touched in (*TOUCHED, count):
            share = recall_when_touched(ordered, owners, nearest, touched)
            hit = "" if own is None else f"{float((ordered[:, :touched] == own[:, None]).any(axis=1).mean()):.4f}"
            what = category if own is not None else "none"
            lines.append([name, len(vectors), len(queries), count, what, touched, f"{share:.4f}", hit])
            print(*lines[-1], sep="  ", flush=True)
    return lines


def of_categories(train: Photos, val: Photos, copies: int) -> list[list[object]]:
    """Grocery photos and their perturbed copies by class; val photos ask."""
    known = Photos(train.vectors[train.labels < GROCERY], train.labels[train.labels < GROCERY])
    vectors, labels = perturbed(known, copies)
    asked = val.labels < GROCERY
    queries = np.ascontiguousarray(val.vectors[asked])
    shares = divide(vectors, Labels(labels, tuple(f"{label:02}" for label in range(GROCERY))), "category", fewest=1)
    place = {share.name: shard for shard, share in enumerate(shares)}
    own = np.array([place[f"{label:02}"] for label in val.labels[asked]])
    _, nearest = faiss.knn(queries, vectors, 10)
    return rows_for("categories", vectors, shares, queries, nearest, own)


def of_photos_in_clusters(train: Photos, val: Photos, copies: int) -> list[list[object]]:
    """All photos and perturbed copies in 16 clusters; val photos ask."""
    vectors, _ = perturbed(train, copies)
    shares = divide(vectors, None, "cluster")
    _, nearest = faiss.knn(np.ascontiguousarray(val.vectors), vectors, 10)
    return rows_for("photos in clusters", vectors, shares, val.vectors, nearest, None)


def of_clusters(train: Photos, count: int, work: Path) -> list[list[object]]:
    """Vectors of a large catalogue in 16 clusters."""
    made = catalogue(train, count, 1000, work)
    shares = divide(made.vectors, None, "cluster")
    return rows_for("million in clusters", made.vectors, shares, made.queries, made.nearest[:, :10], None)


def write(lines: list[list[object]], setting: Setting) -> None:
    """CSV, page and chart."""
    setting.write(RESULTS / "router.csv", COLUMNS, lines)
    text = [
        "# Recall of ten neighbours against shards touched\n",
        f"{setting.date} UTC, commit {setting.commit}; `python -m perf.index.router`. Against an exact search.\n",
    ]
    page = """
*True* puts the shard of the photo's own class first. It finds less than the predicted one where a query touches few
shards, because a photo's nearest neighbours are not always of its class; recall here is that of the nearest vectors,
not of the right class. A filter on the category makes the same choice, and there the rest may not be returned.
"""
    rows = []
    with chart(RESULTS / "router.png", ("shards touched", "recall@10"), (6, 4)) as axes:
        for name, category in dict.fromkeys((line[0], line[4]) for line in lines):
            one = [line for line in lines if (line[0], line[4]) == (name, category)]
            shares = [float(str(line[6])) for line in one]
            rows.append([*one[0][:5], *(f"{100 * share:.1f}" for share in shares)])
            label = f"{name}, {one[0][3]} shards" + ("" if category == "none" else f", {category} category")
            axes.plot(TOUCHED, shares[: len(TOUCHED)], marker="o", label=label)
        axes.axhline(0.95, color="grey", linestyle=":")
    text += markdown(["catalogue", "vectors", "queries", "shards", "category", *TOUCHED, "all"], rows)
    (RESULTS / "router.md").write_text("\n".join(text) + "\n" + page, encoding="utf-8")


def main(
    data: Data = DATA,
    work: Work = WORK,
    vectors: Annotated[int, typer.Option(help="Of the clustered catalogue.")] = 1_000_000,
    threads: Annotated[int, typer.Option(help="Of FAISS.")] = 2,
) -> None:
    """Measure, print and write."""
    faiss.omp_set_num_threads(threads)
    setting = Setting.of_this_machine("perf.index.router")
    train, val = (photos(data, work, split) for split in ("train", "val"))
    lines = of_categories(train, val, COPIES) + of_photos_in_clusters(train, val, COPIES)
    lines += of_clusters(train, vectors, work)
    write(lines, setting)


if __name__ == "__main__":
    run_command(main)
