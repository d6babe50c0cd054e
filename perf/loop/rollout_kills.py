"""SIGKILL of roll-out commands at random moments: the old pair or the new one serves, and the command goes on.

python -m perf.loop.rollout_kills --count 10  # 2 minutes; the next run goes on
"""

from __future__ import annotations

import csv
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from perf.common.command import Out, run_command
from perf.common.setting import RESULTS, Setting
from perf.loop.changed_embedder import write_changed_embedder
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.catalogue.ingest.embed_again import RegionEmbedder
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.serving_pair import read_pair, serving_network
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root
from whatsit.loop.rollout_state import rollout_state
from whatsit.rendering.shop import write_shop
from whatsit.search.check_catalogue import check_catalogue
from whatsit.search.retriever import Retriever

_MODELS = default_root() / "model_repository"
_PRODUCTS = 80
# The commands of one roll-out in order; each is killed within the time that it took before.
_COMMANDS = ("start", "switch", "back", "switch", "finish")


def command(folder: Path, name: str, network: Path) -> list[str]:
    """Return a command of a roll-out."""
    more = [str(network), "--share", "0.3", "--full-speed"] if name == "start" else []
    return [sys.executable, "-m", "whatsit.cli", "rollout", name, str(folder), *more]


def check(folder: Path, allowed: set[str]) -> str:
    """Return what is wrong with what serves now, "" where it is one whole pair of those allowed."""
    network = serving_network(folder, _MODELS)
    fingerprint = embedder_fingerprint(network)
    if fingerprint not in allowed:
        return f"{fingerprint} serves"
    check_catalogue(folder, _MODELS)
    retriever = Retriever(folder, fingerprint)
    if retriever.fingerprints != (fingerprint, fingerprint):
        return f"mixed: {retriever.fingerprints}"
    record = retriever.store.page(limit=5)[4]
    (picture,) = retriever.store.pictures(record["id"], fingerprint)
    embedder = RegionEmbedder(network)
    (vector,) = embedder(Path(record["image"]).read_bytes(), picture.whole_vectors)
    distances, numbers = retriever.index.now().search(vector.values[None], 1)
    near = retriever.store.records(numbers[0].tolist())[int(numbers[0, 0])]["id"]
    return "" if near == record["id"] or distances[0, 0] < 1e-3 else f"found {near} instead of {record['id']}"


def main(
    count: Annotated[int, typer.Option(min=1, help="Commands to kill.")] = 10,
    work: Annotated[Path, typer.Option(help="Folder of the catalogue; the next run goes on with it.")] = Path(
        "/tmp/whatsit-rollout-kills"
    ),
    starts: Annotated[bool, typer.Option("--starts", help="Kill `start` and `abort` alone, by turns.")] = False,
    out: Out = RESULTS,
) -> None:
    """Kill commands at random moments, run each to its end afterwards, and add a line for each."""
    console, folder = Console(), work / "catalogue"
    if not folder.is_dir():
        _prepare(work, folder)
    notes = json.loads((work / "notes.json").read_text())
    rows: list[list[object]] = []
    for turn in range(notes["turn"], notes["turn"] + count):
        name = ("start", "abort")[turn % 2] if starts else _COMMANDS[turn % len(_COMMANDS)]
        network = work / f"{0 if starts else turn // len(_COMMANDS) % 2}.onnx"
        allowed = {notes["old"], embedder_fingerprint(network)}
        moment = random.Random(turn).uniform(0.2, 1.1) * notes["took"].get(name, 3.0)
        process = subprocess.Popen(command(folder, name, network), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        killed = process.wait() == -signal.SIGKILL
        state, wrong, begin = rollout_state(folder, _MODELS), check(folder, allowed), time.monotonic()
        again = subprocess.run(command(folder, name, network), capture_output=True, text=True, check=False)
        resumed = again.returncode == 0 or any(one in again.stderr for one in _DONE)
        after = check(folder, allowed)
        rows.append([turn, name, f"{moment:.2f}", killed, state.phase, state.embedded, wrong, resumed, after,
                     _doubled(folder), f"{time.monotonic() - begin:.1f}"])  # fmt: skip
        console.print(*rows[-1], again.stderr.strip()[-100:])
        took = {**notes["took"], name: max(time.monotonic() - begin - 1.0, 1.0)}
        notes = {
            "turn": turn + 1,
            "took": took,
            "old": embedder_fingerprint(network) if name == "finish" else notes["old"],
        }
        (work / "notes.json").write_text(json.dumps(notes))
    _add(out / "rollout_kills.csv", rows)


# What a command says whose work was done before it was killed.
_DONE = ("serves already", "nothing to", "does not serve", "serves this catalogue already")
_COLUMNS = ["turn", "command", "after_s", "killed", "phase", "embedded", "wrong", "resumed", "wrong_after", "doubled",
            "resume_s"]  # fmt: skip


def _prepare(work: Path, folder: Path) -> None:
    write_shop(work / "shop", count=_PRODUCTS, seed=7)
    add_to_catalogue(folder, work / "shop" / "products.csv", publish=True)
    for number in (0, 1):
        write_changed_embedder(work / f"{number}.onnx", seed=number)
    old = embedder_fingerprint(serving_network(folder, _MODELS))
    (work / "notes.json").write_text(json.dumps({"turn": 0, "took": {"start": 6.0}, "old": old}))


def _add(file: Path, rows: list[list[object]]) -> None:
    setting = Setting.of_this_machine("perf.loop.rollout_kills")
    known = file.is_file()
    with file.open("a", newline="", encoding="utf-8") as sheet:
        writer = csv.writer(sheet, lineterminator="\n")
        if not known:
            writer.writerow([*setting.columns(), *_COLUMNS])
        writer.writerows([*setting.values(), *row] for row in rows)


def _doubled(folder: Path) -> int:
    """Return how many pictures have a vector of one embedder twice, or lack one that is kept while all are there."""
    with Store(Layout(folder).store, read_only=True) as store:
        pair = read_pair(folder)
        kept = pair.kept if pair is not None else store.fingerprints()
        counts = [store.vector_count(fingerprint) for fingerprint in kept]
        ready = pair is not None and pair.ready
        return sum(count > _PRODUCTS or (ready and count != _PRODUCTS) for count in counts)


if __name__ == "__main__":
    run_command(main)
