"""Share of the search in one `identify`, from 1,000 to 1,000,000 items.

python -m perf.index.retrieval_share --prepare  # makes the catalogues, about 15 minutes on 2 threads, once
python -m perf.index.retrieval_share  # measures: about 4 minutes on a quiet machine

A real Triton on each catalogue, one caller, the same photos each time; with no filter, with one that a twentieth of the
items fulfil, and with one that half of them do. The share is Triton's own account of the model `retrieval` (queue,
copies, computing) over that of the ensemble.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton
import typer
from rich.console import Console
from rich.progress import Progress
from whatsit_client.errors import Unavailable

from perf.catalogue.large_catalogue import CATEGORIES, catalogue_of, read_kinds
from perf.common.command import DATA, Table, positive_numbers, run_command
from perf.common.server_fixture import read_pictures
from perf.common.setting import RESULTS, Setting
from perf.common.tables import joined
from perf.common.tensors import tensors
from whatsit.catalogue.layout import Layout
from whatsit.index.current_generation import GENERATIONS, set_current
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports

PHOTOS = DATA / "grocery_store"
EXACT_ALONE = 10_000  # below, the chooser takes no graph
WARM_UP = 4
STEPS = ("identify", "retrieval")
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    f"1 of {CATEGORIES} categories": {"category": "category 3"},
    "half by price": {"price": {"$lte": 50}},
}
COLUMNS = [
    "items", "index", "filter", "calls", "p50_ms", "p99_ms", "identify_ms", "retrieval_ms", "share", "regions",
    "index_bytes", "store_bytes",
]  # fmt: skip


def main(
    items: Annotated[str, typer.Option(help="Sizes, a comma list.")] = "1000,100000,1000000",
    kinds: Annotated[str, typer.Option(help="Kinds of index, a comma list.")] = "flat,hnsw,ivfpq-byte",
    folder: Annotated[Path, typer.Option(help="Where the catalogues are kept.")] = Path("/tmp/whatsit-large"),
    photos: Annotated[Path, typer.Option(help="Pictures to identify, and the centres of the items.")] = PHOTOS,
    calls: Annotated[int, typer.Option(min=2, help="Of each point.")] = 20,
    prepare: Annotated[bool, typer.Option("--prepare", help="Make the catalogues only.")] = False,
    out: Table = RESULTS / "retrieval_share.csv",
) -> None:
    """Measure the retrieval's share over sizes, kinds of index and filters."""
    console = Console(highlight=False)
    sizes, names = positive_numbers(items), kinds.split(",")
    wanted = [(size, kind) for size in sizes for kind in names if kind == "flat" or size > EXACT_ALONE]
    places = {}
    for size in sizes:
        asked = [kind for one, kind in wanted if one == size]
        places[size] = catalogue_of(folder, size, photos, asked, console.print)
    if prepare:
        return
    pictures = read_pictures(photos, min(calls, 20))
    rows: list[list[object]] = []
    begin = time.monotonic()
    with Progress(console=console) as bar:
        task = bar.add_task("Measuring", total=len(wanted))
        try:
            for size, kind in wanted:
                bar.update(task, description=f"{size} items, {kind}")
                rows += _measure(places[size], size, kind, pictures, calls)
                bar.advance(task)
        except KeyboardInterrupt:
            console.print("Interrupted: what was measured so far is written.")
    setting = Setting.of_this_machine(f"retrieval_share, 1 caller, {len(pictures)} photos")
    setting.write(out, COLUMNS, rows)
    for row in rows:
        console.print(joined(COLUMNS, row))
    console.print(f"{time.monotonic() - begin:.0f} s; figures in {out}")


def _measure(place: Path, size: int, kind: str, pictures: list[bytes], calls: int) -> list[list[object]]:
    """Measure one index with every filter in turn, call by call; return the rows."""
    layout, generation = Layout(place), read_kinds(place)[kind]
    set_current(layout.index, generation)
    files = (layout.index / GENERATIONS / generation).iterdir()
    sizes = sum(file.stat().st_size for file in files) / size, layout.store.stat().st_size / size
    latencies: dict[str, list[float]] = {name: [] for name in FILTERS}
    times = {name: np.zeros(3) for name in FILTERS}
    done = 0
    with (
        Server(place, ports=Ports(0, 0, 0), read_only=True) as server,
        triton.InferenceServerClient(server.grpc_url) as client,
    ):
        for turn in range(-WARM_UP, calls):
            for name, where in FILTERS.items():
                before = _statistics_after(client, done)
                done += 1
                begin = time.perf_counter()
                regions = _identify(client, pictures[turn % len(pictures)], where)
                latency = 1000 * (time.perf_counter() - begin)
                if turn >= 0:
                    latencies[name].append(latency)
                    times[name] += [*(_statistics_after(client, done) - before)[2:], regions]
    rows: list[list[object]] = []
    for name in FILTERS:
        identify_ms, retrieval_ms, regions_mean = times[name] / calls
        p50, p99 = np.percentile(latencies[name], [50, 99])
        rows.append(
            [size, kind, name, calls, f"{p50:.2f}", f"{p99:.2f}", f"{identify_ms:.2f}", f"{retrieval_ms:.3f}",
             f"{retrieval_ms / identify_ms:.4f}", f"{regions_mean:.2f}", *(f"{one:.1f}" for one in sizes)]
        )  # fmt: skip
    return rows


def _identify(client: Any, picture: bytes, where: dict[str, Any]) -> int:
    """Call `identify`; return how many regions were looked up."""
    inputs = tensors(triton, {"IMAGE": np.frombuffer(picture, np.uint8)})
    # Without the gate: a photo that is taken for nothing of a catalogue would skip what is measured here.
    options = {"gate": "off", **({"where": json.dumps(where)} if where else {})}
    return len(client.infer("identify", inputs, parameters=options).as_numpy("BOX_SCORES"))


def _spent(client: Any) -> npt.NDArray[np.float64]:
    """Return the calls and milliseconds of `identify` and `retrieval` so far."""
    success = [client.get_inference_statistics(name).model_stats[0].inference_stats.success for name in STEPS]
    return np.array([*[one.count for one in success], *[one.ns / 1e6 for one in success]])


def _statistics_after(client: Any, calls: int) -> npt.NDArray[np.float64]:
    """Return the statistics once so many calls are counted."""
    for _ in range(200):
        spent = _spent(client)
        if spent[:2].min() >= calls:
            return spent
        time.sleep(0.002)
    raise Unavailable("Triton's statistics do not count the calls.")


if __name__ == "__main__":
    run_command(main)
