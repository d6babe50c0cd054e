"""The open-set curve as a file: a table, or a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.evaluation.metrics.open_set import Point
from whatsit.evaluation.reports.csv_table import write_table

ENDINGS = (".csv", ".png")


def check_curve_file(file: Path) -> None:
    """Refuse a file that cannot hold the curve, before anything is measured.

    Raises:
        InvalidInput: it ends in neither .csv nor .png.
        Unavailable: its folder is not there.
    """
    if file.suffix not in ENDINGS:
        raise InvalidInput(f"The curve {file} must end in .csv or .png.")
    if not file.parent.is_dir():
        raise Unavailable(f"The folder of the curve {file} is not there: make it first.")


def write_curve(points: Sequence[Point], picked: Point, file: Path) -> None:
    """Write the curve as CSV or PNG (with the picked point), by the file's ending.

    Raises:
        InvalidInput: another ending.
        Unavailable: the file cannot be written, or matplotlib, which draws it, is missing.
    """
    check_curve_file(file)
    try:
        if file.suffix == ".csv":
            write_table(points, file)
        else:
            _draw(points, picked, file)
    except OSError as error:
        raise Unavailable(f"The curve {file} cannot be written ({error}).") from error


def _draw(points: Sequence[Point], picked: Point, file: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise Unavailable("Drawing the curve needs matplotlib: pip install matplotlib, or name a .csv file.") from error
    axes = (figure := Figure(figsize=(6, 4.5), layout="constrained")).subplots()
    accepts = [point.false_accepts for point in points]
    for name, shares, share in (
        ("its item passes", [point.coverage or 0.0 for point in points], picked.coverage),
        ("and is first", [point.right or 0.0 for point in points], picked.right),
    ):
        if share is not None:
            axes.plot(accepts, shares, label=name)
            axes.plot([picked.false_accepts], [share], "ko")
    axes.axvline(picked.false_accepts, color="grey", linewidth=0.8, label=f"min_score {picked.min_score:.4f}")
    axes.set(xlabel="photos of absent items accepted", ylabel="photos of present items", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="lower right")
    figure.savefig(file, dpi=120)
