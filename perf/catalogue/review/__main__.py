"""Review measured: one reviewer's time and finds, and five reviewers at once.

python -m perf.catalogue.review fit       # weights of near duplicates' scores, on the even classes
python -m perf.catalogue.review reviewer  # perf/results/review.csv: 1,000 near duplicates, by score and at random
python -m perf.catalogue.review people    # five reviewers on 500 tasks, of whom two leave

Photos and catalogues are made once under --work (2,290 photos, some minutes). What a person thinks passes on a virtual
clock; the calls are real ones over HTTP.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from perf.catalogue.review.near_duplicates import prepared
from perf.catalogue.review.people import PEOPLE, TASKS, work_together
from perf.catalogue.review.reviewer import LOOKS, review, shuffled, summary
from perf.common.command import DATA, Data, run_command
from perf.common.setting import RESULTS, ROOT
from perf.common.tables import markdown
from whatsit.catalogue.cleaning.picture_table import read_picture_table
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.review.picture_candidates import Hashes, duplicate_candidates
from whatsit.catalogue.review.task_table import Candidate
from whatsit.catalogue.store.store import Store

app = typer.Typer(help="Measure the studio's review queues.")
Work = Annotated[Path, typer.Option(help="Folder of photos and catalogues.")]
WORK = ROOT / "build" / "runs" / "review"
COLUMNS = ["order", "decisions", "near duplicates found", "precision", "recall"]


@app.command()
def prepare(data: Data = DATA, work: Work = WORK, rest: int = 1) -> None:
    """Make photos and catalogue; what is there is kept."""
    folder, truth = prepared(data, work, rest)
    print(f"\n{folder}: {len(truth.origin)} pictures, {truth.duplicates} of them copies")


@app.command()
def fit(data: Data = DATA, work: Work = WORK) -> None:
    """Fit the weights of near duplicates' scores on the even classes."""
    from sklearn.linear_model import LogisticRegression

    folder, truth = prepared(data, work, 0)
    found = _all_pairs(folder)
    right = np.array([truth.same(one.subject["first"], one.subject["second"]) for one in found])
    features = np.array([[one.subject["figures"][name] for name in ("bits", "similarity")] for one in found])
    model = LogisticRegression(C=10.0).fit(features, right)
    weights = [float(model.intercept_[0]), *map(float, model.coef_[0])]
    print(f"{len(found)} pairs, {right.sum()} right; constant, bits, cosine: {', '.join(f'{w:.2f}' for w in weights)}")


@app.command()
def reviewer(data: Data = DATA, work: Work = WORK) -> None:
    """Let one reviewer clear 1,000 near duplicates; write precision and recall by order."""
    folder, truth = prepared(data, work, 1)
    session = review(folder, work, truth, "score")
    rows = session.row("by score", truth.duplicates)
    pairs = _all_pairs(folder)
    everything = [truth.same(one.subject["first"], one.subject["second"]) for one in pairs]
    for least in (0.99, 0.95, 0.9):
        chosen = [same for one, same in zip(pairs, everything, strict=True) if one.score >= least]
        print(f"One batch from a score of {least}: {len(chosen)} pairs, {len(chosen) - sum(chosen)} of them wrong.")
    randomly = [shuffled(everything, seed) for seed in range(200)]
    for looks in (*LOOKS, len(everything)):
        found = float(np.mean([sum(order[:looks]) for order in randomly]))
        row = ["at random", looks, f"{found:.0f}", f"{found / looks:.3f}", f"{found / truth.duplicates:.3f}"]
        rows.append(row)
    print("\n".join(summary(session, truth.duplicates)))
    for share in (0.9, 0.95, 0.98):
        wanted = share * truth.duplicates
        if sum(session.right) < wanted:
            continue
        needed = int(np.searchsorted(np.cumsum(session.right), wanted) + 1)
        usual = float(np.mean([np.searchsorted(np.cumsum(order), wanted) + 1 for order in randomly]))
        print(f"{share:.0%} of the near duplicates: {needed} decisions by score, {usual:.0f} at random.")
    print("\n".join(markdown(COLUMNS, rows)))
    lines = [",".join(f'"{cell}"' for cell in row) for row in [COLUMNS, *rows]]
    (RESULTS / "review.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@app.command()
def people(data: Data = DATA, work: Work = WORK) -> None:
    """Let five reviewers work at once, of whom two leave."""
    folder, truth = prepared(data, work, 1)
    found = work_together(folder, work, truth)
    print(f"{PEOPLE} reviewers, {TASKS} tasks, {found.seconds:.0f} s: {found.decided} decided, {found.twice} twice, "
          f"{found.gone} gone, {found.lost} lost, {found.met} held by two at once.")  # fmt: skip
    print("outcomes:", dict(found.results))
    print("votes:", dict(found.by))
    names = ("sample", "both", "same", "agreement", "kappa")
    print("agreement:", {name: found.figures[name] for name in names}, len(found.figures["disputed"]), "disputed")


def _all_pairs(folder: Path) -> list[Candidate]:
    """Return each picture with the one that it most likely repeats, however unlike they are."""
    with Store(Layout(folder).store) as store:
        table = read_picture_table(store, store.fingerprints()[0])
        hashes = Hashes.read(store, table, lambda done, total, note: None)
        return list(duplicate_candidates(table, hashes, set(), lambda done, total, note: None, 64, -1.0))


if __name__ == "__main__":
    run_command(app)
