"""Tables and charts of results."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by column; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def markdown(columns: Sequence[object], rows: Iterable[Sequence[object]], align: str = "---") -> list[str]:
    """Return the lines of a Markdown table.

    Args:
        columns: the names.
        rows: the cells of each line.
        align: of all columns, such as `---:`, or of each, separated by spaces.
    """
    aligned = align.split() if " " in align else [align] * len(columns)
    return [f"| {' | '.join(map(str, line))} |" for line in (columns, aligned, *rows)]


def joined(columns: Iterable[str], row: Iterable[object]) -> str:
    """Return a row as text: each value behind the name of its column."""
    return ", ".join(f"{name} {value}" for name, value in zip(columns, row, strict=True))


@contextmanager
def chart(
    path: Path, labels: tuple[str, str], size: tuple[float, float] = (7, 5), legend: float = 8, **properties: Any
) -> Iterator[Any]:
    """Draw one pair of axes into a picture file.

    Args:
        path: of the picture.
        labels: of the x and y axis.
        size: inches.
        legend: size of its letters.
        properties: of the axes, such as `xlim`.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=size)
    yield axes
    axes.set(xlabel=labels[0], ylabel=labels[1], **properties)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=legend)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    pyplot.close(figure)
