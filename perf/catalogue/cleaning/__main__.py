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

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.progress import track
from whatsit_client.errors import WhatsitError

from perf.catalogue.cleaning import dedupe, denoise, hashes, merging
from perf.common.setting import RESULTS, ROOT, Setting

MEASURED: dict[str, Any] = {"dedupe": dedupe, "hashes": hashes, "denoise": denoise, "merge": merging}


def main() -> None:
    """Measure, print and write the CSV and the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=MEASURED)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "runs" / "cleaning")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--count", type=int, default=1_000_000, help="of hashes")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each radius of `hashes`, at most")
    given = parser.parse_args()
    setting = Setting.of_this_machine(f"perf.catalogue.cleaning {given.what}")
    if given.what == "hashes":
        measured = hashes.measure(given.count, given.seconds)
    else:
        measured = MEASURED[given.what].measure(given.data, given.work)
    columns: tuple[str, ...] = MEASURED[given.what].COLUMNS
    rows = _gathered(measured, columns, quiet=given.what == "dedupe")
    place = given.out / f"cleaning_{given.what}.csv"
    setting.write(place, columns, rows)
    MEASURED[given.what].draw(rows, place.with_suffix(".png"))
    print(f"Written: {place} and {place.with_suffix('.png').name}")


def _gathered(rows: Iterable[list[object]], columns: tuple[str, ...], quiet: bool = False) -> list[list[object]]:
    print(*columns, sep="  ")
    kept = []
    for row in rows if quiet else track(rows, "rows", disable=not sys.stderr.isatty()):
        kept.append(row)
        if not quiet or row[3] == 6:
            print(*row, sep="  ", flush=True)
    return kept


if __name__ == "__main__":
    try:
        main()
    except WhatsitError as error:
        sys.exit(f"cleaning: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
