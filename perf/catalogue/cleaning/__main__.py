"""Cleaning measured: near duplicates, a million hashes, denoising, merging.

python -m perf.catalogue.cleaning dedupe  --data ../shared/data  # perf/results/cleaning_dedupe.csv and .png
python -m perf.catalogue.cleaning hashes  # perf/results/cleaning_hashes.csv and .png; a quiet machine
python -m perf.catalogue.cleaning denoise --data ../shared/data  # perf/results/cleaning_denoise.csv and .png
python -m perf.catalogue.cleaning merge   --data ../shared/data  # perf/results/cleaning_merge.csv and .png

Photos are hashed and embedded once (about 20,000, some minutes) and kept under --work. The embedder that ships was
trained on the train photos of Grocery Store and on the clothing photos, so figures on those are optimistic; it has seen
neither the val photos nor the rendered products. Thresholds were chosen on the even classes of the train photos.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from perf.catalogue.cleaning import dedupe, denoise, hashes, merging
from perf.common.command import DATA, Data, Out, chosen, run_command
from perf.common.setting import RESULTS, ROOT, Setting

MEASURED: dict[str, Any] = {"dedupe": dedupe, "hashes": hashes, "denoise": denoise, "merge": merging}


def main(
    what: Annotated[str, typer.Argument(help=f"One of {', '.join(MEASURED)}.")],
    data: Data = DATA,
    work: Annotated[Path, typer.Option(help="Folder of hashes and embeddings.")] = ROOT / "build" / "runs" / "cleaning",
    out: Out = RESULTS,
    count: Annotated[int, typer.Option(help="Of hashes.")] = 1_000_000,
    seconds: Annotated[float, typer.Option(help="For each radius of `hashes`, at most.")] = 4.0,
) -> None:
    """Measure, print and write the CSV and the curve."""
    (what,) = chosen(what, MEASURED, "step")[:1]
    setting, module = Setting.of_this_machine(f"perf.catalogue.cleaning {what}"), MEASURED[what]
    measured = hashes.measure(count, seconds) if what == "hashes" else module.measure(data, work)
    print(*module.COLUMNS, sep="  ")
    rows = []
    for row in track(measured, "rows", disable=not sys.stderr.isatty()):
        rows.append(row)
        if what != "dedupe" or row[3] == 6:
            print(*row, sep="  ", flush=True)
    place = out / f"cleaning_{what}.csv"
    setting.write(place, module.COLUMNS, rows)
    module.draw(rows, place.with_suffix(".png"))
    print(f"Written: {place} and {place.with_suffix('.png').name}")


if __name__ == "__main__":
    run_command(main)
