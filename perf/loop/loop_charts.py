"""Charts of the measured loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def draw_turns(rows: Sequence[Mapping[str, str]], classes: int, target: Path) -> None:
    """Draw R@1 before and after each turn, for new classes and known ones.

    Args:
        rows: lines of loop_turns.csv.
        classes: number of new classes.
        target: the PNG.
    """
