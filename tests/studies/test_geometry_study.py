"""What `whatsit evaluate geometry` measures, on few labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from whatsit.rendering.printed_labels import LINES, draw_label
from whatsit.studies.geometry_study import GeometryStudy


def test_labels_of_a_line_differ_in_print_alone() -> None:
    first, second, other = draw_label(0, 1), draw_label(LINES, 1), draw_label(1, 1)
    np.testing.assert_array_equal(first, draw_label(0, 1))
    assert (first[2, 2] == second[2, 2]).all()  # the frame
    assert (first[20, 20] == second[20, 20]).all()  # the paper
    assert (first != second).any()
    assert (first[20, 20] != other[20, 20]).any()


def test_geometry_finds_labels_that_words_shortlist(tmp_path: Path) -> None:
    told: list[str] = []
    row = GeometryStudy(tmp_path, lambda what, done, total: told.append(what)).labels(24, 12, strength=0.3)
    assert (row.pictures, row.queries) == (24, 12)
    assert row.shortlist == 1.0  # 24 labels are fewer than the fifty
    assert row.geometry >= 0.8
    assert row.both is not None
    assert row.vectors is not None
    assert row.both >= row.vectors
    assert told


def test_many_pictures_are_shortlisted_without_networks(tmp_path: Path) -> None:
    row = GeometryStudy(tmp_path).many(60, photos=8, workers=1, strength=0.3)
    assert row.vectors is None
    assert row.shortlist == 1.0
    assert row.geometry >= 0.75
