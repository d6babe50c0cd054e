"""Rate, memory and crash safety of `whatsit catalogue add`.

    python -m perf.catalogue.ingestion rate --photos FOLDER [--photos FOLDER]  # rate over that of the bare networks
    python -m perf.catalogue.ingestion memory  # over 100,000 rendered pictures
    python -m perf.catalogue.ingestion kill  # 20 SIGKILLs at random moments

Each writes `perf/results/ingestion_NAME.csv` (and a chart), and prints the figures.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from perf.common.command import Out, run_command
from perf.common.setting import CORES, RESULTS, Setting
from perf.common.tables import joined

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
Work = Annotated[Path | None, typer.Option(help="Folder for what is made on the way; kept if given.")]
Workers = Annotated[int, typer.Option(help="Threads; by default one per core.")]
STEPS = "hash;hash,categorise;hash,categorise,detect"


@app.command()
def rate(
    photos: Annotated[list[Path], typer.Option(help="Folder of pictures; may be repeated.")],
    limit: Annotated[int, typer.Option(help="Pictures in all.")] = 5000,
    detect_limit: Annotated[int, typer.Option(help="Pictures in settings with the detector.")] = 1250,
    repeats: Annotated[int, typer.Option(help="Rounds.")] = 3,
    steps: Annotated[str, typer.Option(help="Settings, by semicolons.")] = STEPS,
    workers: Workers = CORES,
    work: Work = None,
    out: Out = RESULTS,
) -> None:
    """Measure the rate beside that of the bare networks."""
    from perf.catalogue.ingestion_rate import RATE_COLUMNS, rates, summary

    setting = Setting.of_this_machine("PictureAnalyzer, threads")
    rows = []
    with _folder(work) as folder:
        for one in rates(photos, limit, detect_limit, repeats, steps.split(";"), workers, folder):
            rows.append(one)
            _log(joined(RATE_COLUMNS, one))
    setting.write(out / "ingestion_rate.csv", RATE_COLUMNS, rows)
    for line in summary(rows):
        _log(line)


@app.command()
def memory(
    rows: Annotated[int, typer.Option(help="Pictures.")] = 100_000,
    workers: Workers = CORES,
    work: Work = None,
    out: Out = RESULTS,
) -> None:
    """Measure the memory over many rendered pictures."""
    from perf.catalogue.ingestion_memory import draw, samples, write_shards

    setting = Setting.of_this_machine("whatsit catalogue add")
    found = []
    with _folder(work) as folder:
        shards = write_shards(folder / "shards", rows, lambda done, total: _log(f"rendered {done} of {total}"))
        for sample in samples(folder / "catalogue", shards, workers):
            found.append(sample)
            if len(found) % 10 == 0:
                _log(f"{sample.seconds:.0f} s: {sample.items} items, {sample.rss_mb:.0f} MB")
    lines = [(f"{s.seconds:.0f}", s.items, f"{s.rss_mb:.1f}", f"{s.store_mb:.1f}") for s in found]
    setting.write(out / "ingestion_memory.csv", ["seconds", "items", "rss_mb", "store_mb"], lines)
    draw(found, out / "ingestion_memory.png")
    early = [s.rss_mb for s in found if 0.05 * rows < s.items <= 0.2 * rows]
    late = [s.rss_mb for s in found if s.items > 0.85 * rows]
    if early and late:
        means = f"{np.mean(early):.0f} MB at 5-20 % of the rows, {np.mean(late):.0f} MB at the last 15 %"
        _log(f"mean resident memory {means}")


@app.command()
def kill(
    times: Annotated[int, typer.Option(help="Kills.")] = 20,
    rows: Annotated[int, typer.Option(help="Pictures.")] = 300,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 1,
    workers: Workers = CORES,
    work: Work = None,
    out: Out = RESULTS,
) -> None:
    """Kill runs at random moments and compare what resumed runs leave."""
    from perf.catalogue.ingestion_kills import KILL_COLUMNS, kills
    from whatsit.rendering.shop import write_shop

    setting = Setting.of_this_machine("whatsit catalogue add")
    lines = []
    with _folder(work) as folder:
        for one in kills(folder, write_shop(folder / "shop", count=rows, seed=7), times, workers, seed):
            lines.append(one)
            _log(joined(KILL_COLUMNS, one))
    setting.write(out / "ingestion_kill.csv", KILL_COLUMNS, lines)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _log(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run_command(app)
