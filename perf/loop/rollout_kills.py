"""SIGKILL of roll-out commands at random moments: the old pair or the new one serves, and the command goes on.

python -m perf.loop.rollout_kills --count 10 --seed 1  # ten kills: 100 seconds
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
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
_PRODUCTS = 150
# The commands of one roll-out, in order, and the longest time after which each is killed.
_COMMANDS = ("start", "switch", "back", "switch", "finish")


def command(folder: Path, name: str, network: Path) -> list[str]:
    """Return a command of a roll-out."""
    more = [str(network)] if name == "start" else []
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
    count: Annotated[int, typer.Option(min=1, help="Kills.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the moments; each adds its lines.")] = 1,
    out: Out = RESULTS,
) -> None:
    """Kill commands at random moments and run each to its end afterwards."""
    console, dice = Console(), random.Random(seed)
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(prefix="whatsit-kills-") as work:
        write_shop(Path(work, "shop"), count=_PRODUCTS, seed=7)
        source, folder = Path(work, "source"), Path(work, "catalogue")
        add_to_catalogue(source, Path(work, "shop", "products.csv"), publish=True)
        shutil.copytree(source, folder)
        old = embedder_fingerprint(serving_network(folder, _MODELS))
        networks = [write_changed_embedder(Path(work, f"{number}.onnx"), seed=number) for number in (1, 2)]
        longest = dict.fromkeys(_COMMANDS, 2.5) | {"start": 9.0}
        for kill in range(count):
            name = _COMMANDS[kill % len(_COMMANDS)]
            network = networks[kill // len(_COMMANDS) % 2]
            new = embedder_fingerprint(network)
            moment = dice.uniform(0.3, longest[name])
            process = subprocess.Popen(command(folder, name, network), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            killed = process.wait() == -signal.SIGKILL
            state = rollout_state(folder, _MODELS)
            wrong = check(folder, {old, new})
            begin = time.monotonic()
            again = subprocess.run(command(folder, name, network), capture_output=True, text=True, check=False)
            resumed = again.returncode == 0 or "serves already" in again.stderr or "nothing to" in again.stderr
            resumed = resumed or "does not serve" in again.stderr or "serves this catalogue already" in again.stderr
            after = check(folder, {old, new})
            doubled = _doubled(folder)
            rows.append([seed, kill, name, f"{moment:.2f}", killed, state.phase, state.embedded, wrong, resumed, after,
                         doubled, f"{time.monotonic() - begin:.1f}"])  # fmt: skip
            console.print(*rows[-1], again.stderr.strip()[-100:])
            if name == "finish":
                old = new
    columns = ["seed", "kill", "command", "after_s", "killed", "phase", "embedded", "wrong", "resumed", "wrong_after",
               "doubled", "resume_s"]  # fmt: skip
    Setting.of_this_machine("perf.loop.rollout_kills").write(out / f"rollout_kills_{seed}.csv", columns, rows)
    bad = [row for row in rows if row[7] or not row[8] or row[9] or row[10]]
    console.print(f"{sum(bool(row[4]) for row in rows)} of {len(rows)} commands killed; {len(bad)} wrong")


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
