"""The loop on grocery data: clicks on 16 classes that the network never saw, and what a turn makes of them.

python -m perf.loop.grocery_loop run --size ci  # some minutes: fewer queries, a short training
python -m perf.loop.grocery_loop run  # 500 queries; --wrong 0.2: a fifth of the visitors click wrong
python -m perf.loop.grocery_loop run --wrong 0.6 --unchecked  # no cleaning: the gate alone
python -m perf.loop.grocery_loop report  # the chart of all runs
"""

from __future__ import annotations

import csv
import os
import shutil
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from perf.common.command import DATA, Data, Out, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.loop.grocery_start import train_start, write_network
from perf.loop.grocery_visitors import TRUTH, GroceryParts, grocery_parts, simulate_visitors, take_photos, write_table
from perf.loop.loop_charts import draw_turns
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.catalogue.serving_pair import serving_network
from whatsit.catalogue.store.store import Store
from whatsit.cli.progress_bar import progress_bars
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.evaluation.metrics.recall import recall_at_k
from whatsit.loop.ray_embedding import RayCluster
from whatsit.loop.turn.loop_recipe import LoopRecipe
from whatsit.loop.turn.loop_runner import LoopRunner
from whatsit.loop.turn.photo_vectors import item_pictures, open_embedder, photo_vectors
from whatsit.loop.turn.turn_state import read_json, write_json

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
_CSV = "loop_turns.csv"
_COLUMNS = [
    "size", "wrong_share", "cleaning", "blend", "queries", "clicks", "wrong_clicks", "kept", "wrong_kept", "outcome",
    "unseen_photos", "unseen_r1_before", "unseen_r1_after", "unseen16_r1_before", "unseen16_r1_after",
    "known_photos", "known_r1_before", "known_r1_after", "candidate_unseen_r1", "candidate_known_r1",
    "train_seconds", "turn_seconds", "sentence",
]  # fmt: skip


class Size(str, Enum):
    """How much is done."""

    ci = "ci"
    full = "full"


_SIZES = {Size.ci: (120, 0.6, 1.0), Size.full: (500, 5.0, 5.0)}  # queries, minutes of a turn, minutes of the start


@app.command()
def run(
    size: Annotated[Size, typer.Option(help="ci: minutes; full: what is reported.")] = Size.full,
    wrong: Annotated[float, typer.Option(min=0, max=1, help="Share of the visitors who click wrong.")] = 0.0,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Without cleaning: the gate alone decides.")] = False,
    tolerant: Annotated[
        bool, typer.Option("--tolerant", help="Clean, but go on however many clicks are refused.")
    ] = False,
    blend: Annotated[
        float | None, typer.Option(help="Share of the trained weights in the final ones.", show_default="the recipe's")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Training time of the turn.")] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster; local: on this machine.")] = None,
    maps: Annotated[Path, typer.Option(help="What `whatsit evaluate unseen` keeps.")] = Path("build/runs/unseen/maps"),
    work: Annotated[Path, typer.Option(help="Start and turns; a trained start is used again.")] = Path(
        "build/runs/loop-measured"
    ),
    data: Data = DATA,
    out: Out = RESULTS,
) -> None:
    """Run one turn and add its line to the results."""
    console = Console()
    queries, turn_minutes, start_minutes = _SIZES[size]
    parts = grocery_parts(GroceryStore(data / "grocery_store"))
    if size is Size.ci:
        parts = GroceryParts(parts.visited, parts.unseen[::4], parts.known, parts.control[::3], parts.groups)
    trained = train_start(data, data.parent / "weights", maps, work / f"start-{size.value}", start_minutes, console)
    network = write_network(trained, trained.with_name("model.onnx"))
    kind = "unchecked" if unchecked else "tolerant" if tolerant else "checked"
    place = work / f"{size.value}-{round(100 * wrong)}-{kind}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    models = _repository(place / "models", network)
    shop = _catalogue(place / "shop", GroceryStore(data / "grocery_store"), models, parts)
    photos = take_photos(work / f"visits-{size.value}", shop, network, parts.visited, queries)
    visits = simulate_visitors(shop, photos, wrong)
    console.print(f"{visits.clicks} clicks of {queries} queries, {visits.wrong} wrong, {visits.in_vain} in vain")
    recipe = _recipe(place, trained, parts, minutes or turn_minutes, unchecked, tolerant, size)
    mixed = float(recipe.train.settings["blend"])
    if blend is not None:
        mixed = blend
        training = recipe.train.model_copy(update={"settings": {**recipe.train.settings, "blend": blend}})
        recipe = recipe.model_copy(update={"train": training})
    known = work / f"before-{size.value}.json"
    if not known.is_file():
        write_json(known, _measure(shop, network, parts))
    before = read_json(known)
    begin = time.monotonic()
    with progress_bars() as bar:
        cluster = None if address is None else RayCluster(address, workers=2)
        runner = LoopRunner(shop, place / "loop", models, data, cluster, bar, True)
        state = runner.run(recipe)
    seconds = time.monotonic() - begin
    candidate = runner.folder(state) / "network" / "model.onnx"
    new: Sequence[float | str] = _measure(shop, candidate, parts) if candidate.is_file() else ("", "", "")
    served = embedder_fingerprint(serving_network(shop, models)) == state.serving
    after = before if served else new
    kept, wrong_kept = _kept(runner.folder(state), shop)
    line = [
        size.value, wrong, kind, mixed, queries, visits.clicks, visits.wrong, kept, wrong_kept, state.outcome,
        len(parts.unseen), before[0], after[0], before[1], after[1], len(parts.control), before[2], after[2],
        new[0], new[2], state.seconds.get("train", 0.0), round(seconds), state.sentence,
    ]  # fmt: skip
    _add(out / _CSV, line)
    for name, value in zip(_COLUMNS, line, strict=True):
        console.print(f"{name:22} {value}")
    console.print(f"Report: {runner.folder(state) / 'report.html'}")


def _repository(folder: Path, network: Path) -> Path:
    """Return a model repository with another embedder."""
    folder.mkdir()
    for source in (default_root() / "model_repository").iterdir():
        if source.name != "embedder":
            os.symlink(source, folder / source.name)
    own = default_root() / "model_repository" / "embedder"
    shutil.copytree(own, folder / "embedder", ignore=shutil.ignore_patterns("*.onnx"))
    shutil.copyfile(network, folder / "embedder" / "1" / "model.onnx")
    return folder


def _catalogue(folder: Path, store: GroceryStore, models: Path, parts: GroceryParts) -> Path:
    source = folder.with_suffix(".csv")
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "category", "image"])
        writer.writerows(
            [one.name, one.name.replace("-", " "), one.coarse, one.image.resolve()] for one in store.gallery()
        )
    add_to_catalogue(folder, source, model_repository=models, publish=True, geometry=False, steps=(), workers=1)
    return folder


def _recipe(
    place: Path, start: Path, parts: GroceryParts, minutes: float, unchecked: bool, tolerant: bool, size: Size
) -> LoopRecipe:
    clean: dict[str, Any] = {"most_refused": 1.0} if tolerant or unchecked else {}
    if unchecked:
        clean |= {"rank": 1000, "neighbours": 0, "contradicted": 1.0}
    known = write_table(place / "known.csv", parts.known)
    control = write_table(place / "control.csv", parts.control, parts.groups)
    return LoopRecipe.model_validate(
        {
            "clean": clean,
            "train": {
                "recipe": ROOT / "build" / "embedder.yaml",
                "start": str(start),
                "minutes": minutes,
                "rehearsal": known,
                "rehearsal_per_item": 2 if size is Size.ci else 8,
                "precision": "float",
            },
            "evaluate": {"photos": control, "drawn": 40 if size is Size.ci else 81},
            "rollout": {"shadow": 0.0},
            "watch": {"searches": 0},
        }
    )


def _measure(shop: Path, network: Path, parts: GroceryParts) -> tuple[float, float, float]:
    """Return R@1 of unseen photos of new classes among all items and among the new ones, and of control photos."""
    names = {item for _, item in parts.unseen}
    with Store(shop / "catalogue.sqlite", read_only=True) as store, open_embedder(network) as embed:
        pictures = item_pictures(store, 1)
        gallery = photo_vectors([(one.path, None) for one in pictures], shop, embed).values
        items = [one.item for one in pictures]
        number = {item: place for place, item in enumerate(sorted(set(items)))}
        labels = [number[item] for item in items]
        found = []
        for photos in (parts.unseen, parts.control):
            vectors = photo_vectors([(str(path), None) for path, _ in photos], shop, embed).values
            truth = [number[item] for _, item in photos]
            found.append((vectors, truth))
    among = [place for place, item in enumerate(items) if item in names]
    all_items = recall_at_k(found[0][0], gallery, found[0][1], labels, ks=(1,))[1]
    new_items = recall_at_k(found[0][0], gallery[among], found[0][1], [labels[place] for place in among], ks=(1,))[1]
    control = recall_at_k(found[1][0], gallery, found[1][1], labels, ks=(1,))[1]
    return round(all_items, 4), round(new_items, 4), round(control, 4)


def _kept(turn: Path, shop: Path) -> tuple[int, int]:
    """Return the clicks that cleaning kept, and how many of them are wrong."""
    known = read_json(shop.parent / TRUTH)
    file = turn / "split.json"
    if not file.is_file():
        return 0, 0
    parts = read_json(file)
    kept = [*parts["training"], *parts["held_out"]]
    return len(kept), sum(known[Path(one["path"]).name] != one["item"] for one in kept)


def _add(file: Path, line: list[Any]) -> None:
    setting = Setting.of_this_machine("perf.loop.grocery_loop")
    rows = []
    if file.is_file():
        with file.open(newline="", encoding="utf-8") as known:
            rows = list(csv.reader(known))[1:]
    start = len(Setting.columns())
    rows = [row for row in rows if row[start : start + 4] != [str(value) for value in line[:4]]]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*Setting.columns(), *_COLUMNS])
        writer.writerows([*rows, [*setting.values(), *line]])


@app.command()
def report(out: Out = RESULTS) -> None:
    """Draw the chart of all runs."""
    with (out / _CSV).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["size"] == Size.full.value]
    draw_turns(rows, out / "loop_turns.png")


if __name__ == "__main__":
    run_command(app)
