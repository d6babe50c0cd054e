"""How well still, sharp frames are chosen in rendered films of hand-held cameras, by the selector in Python.

python -m perf.scan.selection  # writes perf/results/scan_selection.md and .csv; about 12 minutes on one core
python -m perf.scan.selection --minutes 4  # goes on where it stopped

Films of ten kinds (`whatsit.rendering.film_kinds`), 20 of each unless `--films` says otherwise, 640 x 480 in grey, 20
frames a second, as many as the page's camera looks at. No threshold was set on them (seeds 41 and on); seeds 1 to 20
were looked at before.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from whatsit_client.scan import FrameSelector
from whatsit_client.scan.frame_pixels import reduce_gray

from perf.common.command import run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.common.tables import markdown
from perf.scan.judged_film import JudgedFilm, Sent, index_at, judge
from perf.scan.resumable import measure_all
from whatsit.rendering.film import Film
from whatsit.rendering.film_kinds import KINDS, make_film
from whatsit.rendering.product import make_products

COLUMNS = ("kind", "seed", "frames", "things", "once", "missed", "again", "moving", "wrong")
SHOWN = (
    "films", "things", "exactly one", "films all right", "sent while moving", "wrong", "sharpness median (p5)",
    "delay ms median (p95)", "after focus ms median (p95)",
)  # fmt: skip
PRODUCTS = make_products(60, 21)
FIRST_SEED = 41


def as_measured(film: Film) -> Film:
    """Return a film without colours, as the selector sees it, 20 frames a second."""
    return replace(film, rate=20, scene=cv2.cvtColor(film.scene, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False))


def select(film: Film) -> tuple[list[Sent], list[float]]:
    """Return what the selector sends of a film, and the milliseconds of each frame."""
    selector, sent, spent = FrameSelector(), [], []
    before = selector.state
    for index, (truth, pixels) in enumerate(zip(film.truth, film.frames(), strict=True)):
        start = time.perf_counter()
        state = selector.push(reduce_gray(pixels), truth.time_ms)
        spent.append(1000 * (time.perf_counter() - start))
        if state == "sent" != before and selector.best:
            sent.append(Sent(index, index_at(film.truth, selector.best.time_ms)))
        before = state
    return sent, spent


def measure(task: tuple[str, int]) -> dict[str, Any]:
    """Return what the selector did with the film of a kind and seed."""
    kind, seed = task
    cv2.setNumThreads(1)
    film = as_measured(make_film(kind, seed, PRODUCTS))
    sent, spent = select(film)
    return judge(film, seed, sent).to_record() | {"ms": statistics.median(spent), "ms_least": min(spent)}


def line(name: str, rows: Sequence[dict[str, Any]]) -> list[object]:
    """Return the line of the table for some films."""
    known = JudgedFilm.__dataclass_fields__
    films = [JudgedFilm(**{key: row[key] for key in known}) for row in rows]
    things, once = sum(one.things for one in films), sum(one.once for one in films)
    right = sum(one.right for one in films)
    sharp, delay, focus = (
        [value for one in films for value in getattr(one, key)] for key in ("sharpness", "delay_ms", "focus_delay_ms")
    )
    return [
        name,
        len(films),
        things,
        f"{once} ({once / things:.1%})" if things else "-",
        f"{right} ({right / len(films):.1%})",
        sum(one.moving for one in films),
        sum(one.wrong for one in films),
        f"{statistics.median(sharp):.3f} ({quantile(sharp, 0.05):.3f})" if sharp else "-",
        *(f"{statistics.median(one):.0f} ({quantile(one, 0.95):.0f})" if one else "-" for one in (delay, focus)),
    ]


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which a part of the values lies."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def main(
    films: Annotated[int, typer.Option(min=10, help="Films, a tenth of each kind.")] = 200,
    minutes: Annotated[float, typer.Option(help="Stop after so many; the next run goes on.")] = 60,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    work: Annotated[Path, typer.Option(help="What was measured so far.")] = ROOT / "perf" / "tools" / "scan.jsonl",
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = RESULTS,
) -> None:
    """Measure, print and write the table."""
    setting = Setting.of_this_machine("perf.scan.selection")
    seeds = range(FIRST_SEED, FIRST_SEED + films // len(KINDS))
    rows = measure_all([(kind, seed) for seed in seeds for kind in KINDS], measure, work, minutes, workers)
    by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in KINDS}
    table = [line(kind, some) for kind, some in by_kind.items() if some]
    table.append(line("**all**", rows))
    lines = markdown(("kind", *SHOWN), table)
    cost = statistics.median(row["ms"] for row in rows), min(row["ms_least"] for row in rows)
    spent = (
        f"The selector took {cost[0]:.1f} ms a frame (median of the films' medians; least {cost[1]:.1f}), one thread,"
    )
    lines += ["", spent, "reduction of the 640 x 480 frame included."]
    typer.echo("\n".join(lines))
    if len(rows) < films:
        typer.echo(f"{len(rows)} of {films} films so far: run the command again.")
    setting.write(out / "scan_selection.csv", COLUMNS, [[row[name] for name in COLUMNS] for row in rows])
    where = f"`python -m perf.scan.selection`, {setting.date}, commit {setting.commit}, {setting.processor}."
    text = ["# Choice of frames", "", where, (__doc__ or "").split("\n\n")[-1].strip(), "", *lines, ""]
    (out / "scan_selection.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    run_command(main)
