"""Live changes: delay until visible, cost for queries, loss by SIGKILL.

python -m perf.catalogue.live_updates visible  # 50 changes a second beside queries and index swaps: 2 minutes
python -m perf.catalogue.live_updates cost  # p99 of `identify` with and without changes, interleaved: 5 minutes
python -m perf.catalogue.live_updates kills  # SIGKILL of the whole server amid changes, ten times: 3 minutes
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from whatsit_client import Client
from whatsit_client.errors import WhatsitError

from perf.catalogue.change_stream import SHARES, Stream, Vector
from perf.catalogue.change_writers import AGAIN, Seen, Writers
from perf.catalogue.query_load import Answer, Queries, percentiles
from perf.common.command import CatalogueOption, Out, PhotosOption, run_command
from perf.common.server_fixture import catalogue_copy, prepare_demo, read_pictures, running_server
from perf.common.setting import RESULTS, Setting
from perf.common.tables import joined
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.store import Store
from whatsit.tuning.closed_loop import Load

_SWAP_EVERY = 10.0

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
Rate = Annotated[float, typer.Option(help="Changes a second.")]
Queried = Annotated[float, typer.Option(help="Calls of identify a second; 0 takes half of what saturates it.")]


@app.command()
def visible(
    rate: Rate = 50.0,
    queries: Queried = 0.0,
    seconds: Annotated[float, typer.Option(help="How long.")] = 60.0,
    catalogue: CatalogueOption = None,
    photos: PhotosOption = None,
    out: Out = RESULTS,
) -> None:
    """Measure the delay of each change, with queries and index swaps beside it."""
    console = Console()
    source, sent = _material(console, catalogue, photos)
    with catalogue_copy(source) as folder, running_server(folder, console) as server:
        stream = Stream(_embedded(server.grpc_url, sent), seed=1)
        rate_now = queries or _saturation(server.grpc_url, sent) / 2
        begin = time.monotonic()
        with Queries(server.grpc_url, sent, rate_now) as asked, Writers(server.grpc_url, stream, rate) as writers:
            swaps = _swap(folder, begin + seconds, console)
        took = time.monotonic() - begin
    rows = [_visibility(kind, [seen for seen in writers.seen if kind in ("all", seen.change.kind)], took)
            for kind in ("all", *SHARES)]  # fmt: skip
    errors = [answer.error for answer in asked.answers if answer.error]
    ghosts = _ghosts(writers.seen, asked.answers)
    beside = [f"{rate_now:.1f}", len(asked.answers), len(errors), swaps, ghosts]
    columns = ["change", "changes", "per_s", "failed", "never_seen", "found_again_after_1_s", "acknowledged_p50_ms",
               "acknowledged_p99_ms", "visible_p50_ms", "visible_p95_ms", "visible_p99_ms", "visible_max_ms",
               "queries_per_s", "queries", "queries_failed", "indexes_swapped", "queries_that_found_it"]  # fmt: skip
    _write(out / "live_visible.csv", columns, [[*row, *beside] for row in rows], console)
    if errors:
        console.print(f"Queries failed, the first with: {errors[0]}")


@app.command()
def cost(
    rate: Rate = 50.0,
    queries: Queried = 0.0,
    repeats: Annotated[int, typer.Option(min=1, help="Pairs of windows, without and with changes.")] = 5,
    seconds: Annotated[float, typer.Option(help="Of one window.")] = 22.0,
    catalogue: CatalogueOption = None,
    photos: PhotosOption = None,
    out: Out = RESULTS,
) -> None:
    """Compare p99 of `identify` without and with changes, in interleaved windows."""
    console = Console()
    source, sent = _material(console, catalogue, photos)
    rows: list[list[object]] = []
    pooled: dict[float, list[float]] = {0.0: [], rate: []}
    ratios = []
    with catalogue_copy(source) as folder, running_server(folder, console) as server:
        stream = Stream(_embedded(server.grpc_url, sent), seed=1)
        rate_now = queries or _saturation(server.grpc_url, sent) / 2
        for repeat in range(repeats):
            tail = {}
            for changes in (0.0, rate) if repeat % 2 == 0 else (rate, 0.0):
                answers, made = _window(server.grpc_url, sent, stream, rate_now, changes, seconds)
                times = [answer.seconds * 1000 for answer in answers if not answer.error]
                found = percentiles(times)
                tail[changes] = found[99]
                pooled[changes] += times
                failed = sum(bool(answer.error) for answer in answers)
                rows.append([repeat, f"{changes:g}", f"{made / seconds:.1f}", f"{rate_now:.1f}", len(answers), failed,
                             *(f"{value:.1f}" for value in found.values()), ""])  # fmt: skip
                console.print(f"{repeat}: {changes:g} changes/s, p50 {found[50]:.1f}, p99 {found[99]:.1f} ms")
            ratios.append(tail[rate] / tail[0.0])
    for changes, times in pooled.items():
        found = percentiles(times)
        ratio = f"{found[99] / percentiles(pooled[0.0])[99]:.3f}"
        rows.append(["all", f"{changes:g}", "", f"{rate_now:.1f}", len(times), "",
                     *(f"{value:.1f}" for value in found.values()), ratio])  # fmt: skip
    columns = ["repeat", "changes_per_s", "changes_made_per_s", "queries_per_s", "queries", "queries_failed",
               "p50_ms", "p95_ms", "p99_ms", "max_ms", "p99_ratio"]  # fmt: skip
    _write(out / "live_cost.csv", columns, rows, console)
    console.print(f"p99 with changes over without: {rows[-1][-1]}; per repeat {', '.join(f'{r:.2f}' for r in ratios)} "
                  f"(median {statistics.median(ratios):.2f})")  # fmt: skip


@app.command()
def kills(
    count: Annotated[int, typer.Option(min=1, help="Kills.")] = 10,
    rate: Rate = 100.0,
    catalogue: CatalogueOption = None,
    photos: PhotosOption = None,
    out: Out = RESULTS,
) -> None:
    """Kill the whole server at random moments and check every acknowledged change."""
    console = Console()
    source, sent = _material(console, catalogue, photos)
    rows: list[list[object]] = []
    dice = random.Random(7)
    with catalogue_copy(source) as folder:
        with running_server(folder, console) as server:
            embedded = _embedded(server.grpc_url, sent)
        streams: list[Stream] = []
        for kill in range(count):
            with running_server(folder, console) as server:
                streams.append(Stream(embedded, seed=100 + kill))
                with Writers(server.grpc_url, streams[-1], rate, probing=False) as writers:
                    time.sleep(dice.uniform(0.5, 4.0))
                    os.killpg(server.pid or 0, signal.SIGKILL)
            with running_server(folder, console) as server, Client(server.grpc_url) as client:
                lost = [id for stream in streams for id in _lost(client, stream)]
                healthy = client.identify(sent[0]).regions != ()
            done = sum(seen.acknowledged is not None for seen in writers.seen)
            rows.append([kill, len(writers.seen), done, len(streams[-1].unsure), len(lost), healthy])
            console.print(f"kill {kill + 1}: {done} changes acknowledged, {len(lost)} of all so far lost")
    columns = ["kill", "changes_sent", "acknowledged", "items_in_flight", "lost_of_all_so_far", "serves_again"]
    _write(out / "live_kills.csv", columns, rows, console)


def _material(console: Console, catalogue: Path | None, photos: Path | None) -> tuple[Path, list[bytes]]:
    demo = prepare_demo(console) if catalogue is None or photos is None else None
    return catalogue or demo / "catalogue", read_pictures(photos or demo / "scenes")  # type: ignore[operator]  # demo is made


def _embedded(url: str, sent: list[bytes]) -> list[tuple[bytes, Vector]]:
    """Each picture with the vector under which the catalogue would keep it."""
    with Client(url) as client:
        return [(picture, np.asarray(client.embed(picture, gate=False).vectors[0], np.float32)) for picture in sent]


def _saturation(url: str, sent: list[bytes]) -> float:
    """Return the calls of `identify` that eight callers get answered per second."""
    load = Load(url, sent)
    try:
        return load.run(sys.maxsize, 8, seconds=10.0).rate
    finally:
        load.close()


def _swap(folder: Path, end: float, console: Console) -> int:
    """Write and swap the index until the end; how often."""
    layout, swaps = Layout(folder), 0
    with Store(layout.store) as store:
        while time.monotonic() + _SWAP_EVERY < end:
            time.sleep(_SWAP_EVERY)
            publish(store, layout.index)
            swaps += 1
            console.print(f"index swapped {swaps} times, {max(0.0, end - time.monotonic()):.0f} s left")
    time.sleep(max(0.0, end - time.monotonic()))
    return swaps


def _window(
    url: str, sent: list[bytes], stream: Stream, rate: float, changes: float, seconds: float
) -> tuple[list[Answer], int]:
    """Queries with or without changes beside them; the first second does not count."""
    done = threading.Event()
    with Queries(url, sent, rate) as asked:
        if changes:
            with Writers(url, stream, changes, probing=False) as writers:
                done.wait(seconds)
            made = sum(seen.acknowledged is not None for seen in writers.seen)
        else:
            done.wait(seconds)
            made = 0
    first = asked.answers[0].started + 1.0
    return [answer for answer in asked.answers if answer.started >= first], made


def _visibility(kind: str, seen: list[Seen], took: float) -> list[object]:
    acknowledged = [one.acknowledged * 1000 for one in seen if one.acknowledged is not None]
    shown = [one.visible * 1000 for one in seen if one.visible is not None]
    known, found = percentiles(acknowledged), percentiles(shown)
    counts = [len(seen), f"{len(seen) / took:.1f}", len(seen) - len(acknowledged), len(acknowledged) - len(shown)]
    times = [known[50], known[99], *(found[percent] for percent in (50, 95, 99, 100))]
    return [kind, *counts, sum(one.back for one in seen), *(f"{value:.1f}" for value in times)]


def _ghosts(seen: list[Seen], answers: list[Answer]) -> int:
    """Count answers that named an item deleted more than a second before the call.

    Only items that were never added again count.
    """
    last = {one.change.id: one for one in sorted(seen, key=lambda one: one.sent)}
    gone = {
        id: one.sent + one.acknowledged + AGAIN
        for id, one in last.items()
        if one.change.kind == "delete" and one.acknowledged is not None
    }
    return sum(any(answer.started > gone.get(id, float("inf")) for id in answer.ids) for answer in answers)


def _lost(client: Client, stream: Stream) -> list[str]:
    """Return the items whose last acknowledged change is missing."""
    lost = []
    for id, change in stream.acknowledged.items():
        if id in stream.unsure:
            continue
        title = ""
        with contextlib.suppress(WhatsitError):
            title = client.get(id).title
        if title != change.title:
            lost.append(id)
    return lost


def _write(path: Path, columns: list[str], rows: list[list[object]], console: Console) -> None:
    Setting.of_this_machine("perf.catalogue.live_updates").write(path, columns, rows)
    for row in rows:
        console.print(joined(columns, row), soft_wrap=True)
    console.print(f"Figures in {path}")


if __name__ == "__main__":
    run_command(app)
