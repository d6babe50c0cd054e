"""Steps of a turn: each reads what those before wrote, and may be repeated."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from whatsit.catalogue.backends import open_embedded
from whatsit.catalogue.serving_pair import serving_network
from whatsit.catalogue.store.store import Store
from whatsit.loop.rollout_state import NO_MILVUS
from whatsit.loop.turn.click_checks import check_clicks, refused_share
from whatsit.loop.turn.collected_clicks import LabelledPhoto, collect_clicks, photos_of
from whatsit.loop.turn.figures import Query, figures_of, measure_networks
from whatsit.loop.turn.gate import decide, judge
from whatsit.loop.turn.loop_recipe import LoopRecipe
from whatsit.loop.turn.photo_vectors import Floats, item_pictures, open_embedder, photo_vectors
from whatsit.loop.turn.time_split import split_by_time
from whatsit.loop.turn.training_step import (
    NETWORK,
    build_network,
    rehearsal_photos,
    remove_pictures,
    train_network,
    write_training_table,
)
from whatsit.loop.turn.turn_log import TurnLog
from whatsit.loop.turn.turn_state import TurnState, read_json, write_json

COLLECTED, CLEANED, VECTORS, SPLIT, QUERIES, KNOWN_CLICKS = (
    "collected.json", "cleaned.json", "vectors.npz", "split.json", "queries.json", "clicks.json"
)  # fmt: skip
Result = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """All that a step needs, on any machine that sees the folders.

    Args:
        folder: of the turn.
        catalogue: its folder.
        model_repository: whose embedder serves it before the first roll-out.
        recipe: of the loop.
        state: of the turn before the step.
        data: the folder of the built-in data sets.
        shown: progress goes to the terminal of this process.
    """

    folder: Path
    catalogue: Path
    model_repository: Path
    recipe: LoopRecipe
    state: TurnState
    data: Path
    shown: bool = False

    @property
    def clicks_file(self) -> Path:
        """Return the file that names what earlier turns held out and trained on."""
        return self.folder.parent / KNOWN_CLICKS

    @property
    def serving_network(self) -> Path:
        """Return the network that serves; a roll-out keeps a copy in the catalogue."""
        return serving_network(self.catalogue, self.model_repository)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the catalogue for reading."""
        with open_embedded(self.catalogue, NO_MILVUS, read_only=True) as store:
            yield store

    def console(self, file: Any) -> Console:
        """Return where the progress of a training goes."""
        return Console(stderr=True) if self.shown and sys.stderr.isatty() else Console(file=file, width=160)


Progress = Callable[[str, int, int | None], None]


def collect(turn: Turn, progress: Progress) -> Result:
    """Read what visitors agreed to; see `collect_clicks`."""
    with turn.store() as store:
        found = collect_clicks(store, turn.recipe.collect.days)
    write_json(turn.folder / COLLECTED, found)
    known = known_clicks(turn)
    before = {*known["trained"], *(record["click"] for record in known["held_out"])}
    new = sum(record["click"] not in before for record in found["clicks"])
    counts = {name: found[name] for name in ("crops", "unanswered", "decisions")}
    confirmed = sum(record["confirmed"] for record in found["clicks"])
    items = len({record["item"] for record in found["clicks"]})
    return {"clicks": len(found["clicks"]), "new": new, "items": items, "confirmed": confirmed, **counts}


def clean(turn: Turn, progress: Progress) -> Result:
    """Check every click; see `check_clicks`."""
    photos = photos_of(read_json(turn.folder / COLLECTED)["clicks"])
    known_photos = [LabelledPhoto(str(path), item) for path, item in rehearsal_photos(turn.recipe.train)]
    with open_embedder(turn.serving_network) as embed:
        places = [(photo.path, photo.box) for photo in [*photos, *known_photos]]
        found = photo_vectors(places, turn.catalogue, embed, lambda *at: progress("Embedding clicks", *at))
    vectors, known = found.first(len(photos)), found.values[len(photos) :]
    with turn.store() as store:
        gallery = _gallery(store, turn.state.serving)
    labels = [photo.item for photo in known_photos]
    checked = check_clicks(photos, vectors, gallery, (known, labels), turn.recipe.clean)
    kept = [place for place, one in enumerate(checked) if not one.check]
    np.savez(turn.folder / VECTORS, values=vectors.values[kept])
    write_json(turn.folder / CLEANED, [one.to_record() for one in checked])
    reasons: dict[str, int] = {}
    for one in checked:
        if one.check:
            reasons[one.check] = reasons.get(one.check, 0) + 1
    return {"kept": len(kept), "refused": reasons, "refused_share": round(refused_share(checked), 4)}


def _gallery(store: Store, fingerprint: str) -> tuple[Floats, list[str]]:
    vectors, numbers = store.vectors(fingerprint)
    with store.snapshot() as connection:
        ids = dict(connection.execute("SELECT number, id FROM items"))
    return vectors, [str(ids[int(number)]) for number in numbers]


def split(turn: Turn, progress: Progress) -> Result:
    """Hold out the latest clicks of each item; see `split_by_time`."""
    photos = kept_clicks(turn)
    known = known_clicks(turn)
    held_before = frozenset(record["click"] for record in known["held_out"])
    vectors: Floats = np.load(turn.folder / VECTORS)["values"]
    parts = split_by_time(photos, vectors, turn.recipe.split, held_before, frozenset(known["trained"]))
    held = {record["click"]: record for record in known["held_out"]}
    held |= {photos[place].click: photos[place].to_record() for place in parts.held_out}
    training = [photos[place].to_record() for place in parts.training]
    trained = sorted({*known["trained"], *(record["click"] for record in training)})
    write_json(turn.folder / SPLIT, {"training": training, "held_out": list(held.values())})
    write_json(turn.clicks_file, {"held_out": list(held.values()), "trained": trained})
    return {"training": len(training), "held_out": len(held), "same_photo": len(parts.same)}


def train(turn: Turn, progress: Progress) -> Result:
    """Train on the clicks and the catalogue, and write the network's file.

    Raises:
        KeyboardInterrupt: it was stopped; the next call goes on.
    """
    parts = read_json(turn.folder / SPLIT)
    training, held_out = photos_of(parts["training"]), photos_of(parts["held_out"])
    with turn.store() as store:
        pictures = item_pictures(store, turn.recipe.train.pictures_per_item)
    counts = write_training_table(turn.folder, turn.catalogue, pictures, training, held_out, turn.recipe.train)
    log = TurnLog(turn.folder)
    log("train", ", ".join(f"{number} {kind}" for kind, number in counts.items()))
    with log.file.open("a", encoding="utf-8") as file:
        console = turn.console(file)
        figures = train_network(turn.folder, turn.state.start, turn.recipe.train, turn.data, console)
        if figures is None:
            raise KeyboardInterrupt
        progress("Building the network", 0, None)
        build_network(turn.folder, turn.recipe.train, console)
    remove_pictures(turn.folder)
    return {"pictures": counts, "figures": figures}


def evaluate(turn: Turn, progress: Progress) -> Result:
    """Measure the serving network and the new one on the fixed set."""
    with turn.store() as store:
        pictures = item_pictures(store, 1)
    held_out = photos_of(read_json(turn.folder / SPLIT)["held_out"])
    networks = turn.serving_network, turn.folder / NETWORK
    queries = measure_networks(
        networks, turn.catalogue, pictures, held_out, turn.recipe.evaluate,
        lambda name, done, total: progress(f"Searching with the {name} network", done, total),
    )  # fmt: skip
    write_json(turn.folder / QUERIES, [query.to_record() for query in queries])
    return {"queries": len(queries)}


def gate(turn: Turn, progress: Progress) -> Result:
    """Decide whether the network goes on; see `judge` and `decide`."""
    items = frozenset(record["item"] for record in read_json(turn.folder / SPLIT)["training"])
    judged = judge(figures_of(read_queries(turn.folder), items), turn.recipe.gate)
    passed, sentence = decide(judged, turn.recipe.gate.gain)
    return {"passed": passed, "sentence": sentence, "figures": [one.to_record() for one in judged]}


def known_clicks(turn: Turn) -> dict[str, Any]:
    """Return what earlier turns held out and trained on."""
    if not turn.clicks_file.is_file():
        return {"held_out": [], "trained": []}
    found: dict[str, Any] = read_json(turn.clicks_file)
    return found


def kept_clicks(turn: Turn) -> list[LabelledPhoto]:
    """Return the clicks that cleaning kept, in the order of their vectors."""
    fields = LabelledPhoto.__dataclass_fields__
    records = [record for record in read_json(turn.folder / CLEANED) if not record["check"]]
    return [LabelledPhoto.from_record({name: record[name] for name in fields}) for record in records]


def read_queries(folder: Path) -> list[Query]:
    """Return what both networks found on the fixed set."""
    return [Query.from_record(record) for record in read_json(folder / QUERIES)]
