"""Roll-out of a new embedder: embed, switch, go back, without an outage.

A catalogue's items stand once; its vectors stand once for each embedder that is kept, and each embedder has an index of
its own. The file `pairs.json` names the embedder that serves, and replacing it is the switch. A command that is killed
at any moment leaves the old pair or the new one, and the same command goes on from there.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.backends import open_embedded
from whatsit.catalogue.ingest.embed_again import check_exchangeable
from whatsit.catalogue.publish import COMPACT_BEYOND, publish, published
from whatsit.catalogue.serving_pair import (
    EMBEDDERS,
    PAIRS,
    ServingPair,
    index_root,
    kept_network,
    read_pair,
    serving_network,
    write_pair,
)
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root
from whatsit.index.current_generation import sync_folder
from whatsit.index.generation import open_generation
from whatsit.index.index_budget import IndexBudget
from whatsit.loop.background_embedding import OpenEmbedding, Pace, embed_lacking, local_embedding
from whatsit.loop.network_copies import copy_network, is_own_embedder
from whatsit.loop.rollout_state import NO_MILVUS
from whatsit.server.pair_follower import serving_servers

_WAIT_SECONDS = 180.0  # for the servers to load the new embedder

Progress = Callable[[str, int, int | None], None]


def _quiet(stage: str, done: int, total: int | None) -> None:
    pass


class Rollout:
    """The roll-outs of one catalogue.

    Args:
        folder: of the catalogue.
        model_repository: whose embedder serves it before the first roll-out; None for Whatsit's own.
        progress: called with the step, how much of it is done, and how much there is.
    """

    def __init__(self, folder: Path, model_repository: Path | None = None, progress: Progress = _quiet) -> None:
        self._folder = folder.resolve()
        self._models = model_repository or default_root() / "model_repository"
        self._progress = progress

    def start(
        self,
        network: Path,
        pace: Pace | None = None,
        shadow: float = 0.1,
        embedding: OpenEmbedding | None = None,
    ) -> dict[int, str]:
        """Embed the catalogue with a new network and let servers load it.

        Args:
            network: its ONNX file; `model.plan` beside it serves on TensorRT.
            pace: limits on the work.
            shadow: share of the calls that the new embedder answers too once it is loaded, 0..1.
            embedding: where the pictures are embedded, such as `ray_embedding`; None for threads of this process.

        Returns:
            Picture -> sentence, of those that could not be embedded.

        Raises:
            InvalidInput: another roll-out is under way, or the network is none that fits.
            Unavailable: nothing is published, or the catalogue cannot be written.
        """
        if not network.is_file():
            raise InvalidInput(f"There is no network {network}: name the new embedder's ONNX file.")
        if not 0.0 <= shadow <= 1.0:
            raise InvalidInput(f"The share of shadow calls is 0 to 1, not {shadow:g}.")
        new = embedder_fingerprint(network)
        with open_embedded(self._folder, NO_MILVUS) as store, self._alone():
            pair = self._prepared(store, network, new, shadow)
            left_out = self._embed(store, new, pair.serving, pace or Pace(), embedding or local_embedding)
            self._write_index(store, new, pair.serving)
            write_pair(self._folder, replace(pair, ready=True, shadow=shadow))
        return left_out

    def switch(self, leave_out: bool = False, wait: float = _WAIT_SECONDS) -> ServingPair:
        """Let the embedder beside answer from the next call; the one before stays.

        Args:
            leave_out: switch although pictures could not be embedded.
            wait: seconds that running servers have to load it.

        Raises:
            InvalidInput: there is no roll-out to switch to, or pictures lack their vectors.
            Unavailable: a running server has not loaded the embedder.
        """
        pair = self._rolled_out()
        if pair.switched:
            raise InvalidInput("The new embedder serves already: go back by 'whatsit rollout back', or finish.")
        return self._exchange(pair, leave_out, wait)

    def back(self, leave_out: bool = False, wait: float = _WAIT_SECONDS) -> ServingPair:
        """Let the embedder from before answer again; see `switch`."""
        pair = self._rolled_out()
        if not pair.switched:
            raise InvalidInput("The new embedder does not serve: there is nothing to go back from.")
        return self._exchange(pair, leave_out, wait)

    def abort(self) -> None:
        """Remove a new embedder that does not serve; safe to repeat.

        Raises:
            InvalidInput: it serves.
        """
        pair = read_pair(self._folder)
        if pair is not None and pair.switched:
            raise InvalidInput("The new embedder serves: go back first, by 'whatsit rollout back'.")
        self._forget(pair)

    def finish(self) -> None:
        """Remove the embedder that served before a switch; safe to repeat.

        Raises:
            InvalidInput: nothing was switched.
            Unavailable: a running server has not loaded the new one.
        """
        pair = read_pair(self._folder)
        if pair is None or (pair.beside and not pair.switched):
            raise InvalidInput("There was no switch, so nothing to finish: 'whatsit rollout abort' ends a roll-out.")
        self._wait_for_servers(pair.serving, 0.0)
        self._forget(pair)

    def _rolled_out(self) -> ServingPair:
        pair = read_pair(self._folder)
        if pair is None or not pair.beside:
            raise InvalidInput("There is no roll-out of this catalogue: begin one by 'whatsit rollout start'.")
        if not pair.ready:
            raise InvalidInput("The catalogue is not embedded yet: go on by 'whatsit rollout start'.")
        return pair

    def _prepared(self, store: Store, network: Path, new: str, shadow: float) -> ServingPair:
        """Copy the networks and note both embedders; nothing of it changes what serves."""
        pair = read_pair(self._folder)
        now = serving_network(self._folder, self._models)
        serving = embedder_fingerprint(now) if pair is None else pair.serving
        if new == serving:
            raise InvalidInput(f"{network} is the embedder that serves this catalogue already.")
        if pair is not None and pair.beside not in ("", new):
            what = "'whatsit rollout finish' or 'back'" if pair.switched else "'whatsit rollout abort'"
            raise InvalidInput(f"Another roll-out is under way, of {pair.beside}: end it first, by {what}.")
        check_exchangeable(network, now)
        open_generation(index_root(self._folder, serving), serving, verify=False)  # or there is nothing to exchange
        for fingerprint, source in ((serving, now), (new, network)):
            copy_network(source, kept_network(self._folder, fingerprint))
        (self._folder / EMBEDDERS / new / "index").mkdir(exist_ok=True)
        store.embedders.keep((serving, new))
        if pair is None or not pair.beside:
            pair = ServingPair(serving, new)
            write_pair(self._folder, pair)
        return pair

    def _embed(
        self, store: Store, fingerprint: str, reference: str, pace: Pace, embedding: OpenEmbedding = local_embedding
    ) -> dict[int, str]:
        log = published(index_root(self._folder, fingerprint)) is not None
        with embedding(kept_network(self._folder, fingerprint), store, pace) as (embed, rows):
            stage = "Embedding"
            return embed_lacking(
                store, fingerprint, reference, embed, log, lambda *at: self._progress(stage, *at), rows
            )

    def _write_index(self, store: Store, fingerprint: str, serving: str) -> None:
        """Publish the vectors of an embedder, with the budgets of the index that serves."""
        root = index_root(self._folder, fingerprint)
        known = published(root)
        if known is None or store.changes.pending(known.sequence) > COMPACT_BEYOND:
            before = published(index_root(self._folder, serving))
            budget = None if before is None or known is not None else IndexBudget.from_record(before.budget)
            publish(store, root, fingerprint, progress=self._progress, budget=budget)

    def _exchange(self, pair: ServingPair, leave_out: bool, wait: float) -> ServingPair:
        with open_embedded(self._folder, NO_MILVUS) as store, self._alone():
            self._check_unchanged(pair)
            left_out = self._embed(store, pair.beside, pair.serving, Pace())
            if left_out and not leave_out:
                raise InvalidInput(
                    f"{len(left_out)} pictures lack vectors of the other embedder ({next(iter(left_out.values()))}): "
                    "mend them and start the roll-out again, or add --leave-out."
                )
            self._write_index(store, pair.beside, pair.serving)
            open_generation(index_root(self._folder, pair.beside), pair.beside)
            self._wait_for_servers(pair.beside, wait)
            new = ServingPair(pair.beside, pair.serving, ready=True, switched=not pair.switched)
            write_pair(self._folder, new)
            self._embed(store, new.serving, new.beside, Pace())  # added by commands since the first pass
        return new

    def _wait_for_servers(self, fingerprint: str, seconds: float) -> None:
        """Wait until every running server of the catalogue has an embedder loaded."""
        deadline = time.monotonic() + seconds
        while behind := [name for name, had in serving_servers(self._folder).items() if fingerprint not in had]:
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"The server {behind[0]} has not loaded the embedder {fingerprint}: its log says why; nothing was "
                    "changed."
                )
            self._progress("Servers load the embedder", 0, len(behind))
            time.sleep(0.25)

    def _forget(self, pair: ServingPair | None) -> None:
        """Remove vectors, index and network of every embedder that does not serve."""
        if pair is None:
            return
        with open_embedded(self._folder, NO_MILVUS) as store, self._alone():
            self._check_unchanged(pair)
            if pair.beside or pair.ready or pair.switched:
                write_pair(self._folder, ServingPair(pair.serving))
            store.embedders.keep((pair.serving,))
            time.sleep(1.0 if serving_servers(self._folder) else 0.0)  # servers look twice a second
            gone = [name for name in store.fingerprints() if name != pair.serving]
            for fingerprint in gone:
                total = store.vector_count(fingerprint)
                while store.embedders.drop(fingerprint):
                    self._progress("Removing vectors", total - store.vector_count(fingerprint), total)
            for path in (self._folder / EMBEDDERS).iterdir():
                if path.is_dir() and path.name not in (pair.serving, "servers"):
                    shutil.rmtree(path)
            if index_root(self._folder, pair.serving) != self._folder / "index":
                shutil.rmtree(self._folder / "index", ignore_errors=True)
            elif is_own_embedder(self._models, pair.serving):  # as it was before the first roll-out
                (self._folder / PAIRS).unlink(missing_ok=True)
                store.embedders.keep(())
                sync_folder(self._folder)

    def _check_unchanged(self, pair: ServingPair) -> None:
        """Refuse to go on where another command changed the pair before the lock."""
        if read_pair(self._folder) != pair:
            raise Unavailable("Another command has just changed this roll-out: look at it and run this again.")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse a second command on the same roll-out."""
        place = self._folder / EMBEDDERS
        place.mkdir(exist_ok=True)
        with (place / ".rollout.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Unavailable("Another command works on this roll-out: wait for its end, or stop it.") from error
            yield
