"""Rows of the ablation, counted by hand."""

from __future__ import annotations

import numpy as np

from whatsit.evaluation.metrics.ablation import Query, RankedResult, Row, ablate

VECTOR = np.zeros(1, dtype=np.float32)
QUERIES = [Query(VECTOR, truth, category) for truth, category in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"))]
FOUND = {
    "a": RankedResult(("a", "b"), ("x", "x"), "a"),
    "b": RankedResult(("a", "b"), ("x", "x"), "b"),
    "c": RankedResult(("a", "b", "e", "f", "g", "c"), ("x",) * 5 + ("y",), "a"),
    "d": RankedResult((), (), ""),
}


def test_each_choice_is_a_row_of_shares() -> None:
    rows = ablate(
        "data", QUERIES, ["none", "nothing"], lambda look, stages: FOUND[look.truth if stages == "none" else "d"]
    )
    assert rows == (Row("data", 4, "none", 0.25, 0.5, 0.5, 0.5), Row("data", 4, "nothing", 0.0, 0.0, 0.0, 0.0))
