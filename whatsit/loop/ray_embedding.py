"""Embedding of a catalogue for a roll-out by actors of Ray Data."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from whatsit_client.errors import Unavailable, WhatsitError

from whatsit.catalogue.ingest.embed_again import RegionEmbedder
from whatsit.catalogue.ingest.ray_executor import start_ray
from whatsit.catalogue.item import Vector
from whatsit.catalogue.store.kept_embedders import PictureRow
from whatsit.catalogue.store.store import Store
from whatsit.catalogue.web import Downloads
from whatsit.loop.background_embedding import EmbedRows, OpenEmbedding, Pace, embed_row, picture_place

# Pictures of a task: what the death of a worker costs.
_TASK = 16
# Pictures of one execution: it starts the workers once.
_ROWS = 50_000


@dataclass(frozen=True)
class RayCluster:
    """Where work runs.

    Args:
        address: of the cluster ("auto": that of this machine); "local" starts Ray on this machine for this command.
        workers: processes that embed.
        cores: of each worker and of each step, as Ray counts them.
        retries: of a step whose worker died.
        log: a line for every picture that a worker embedded, for measurements; None for none.
    """

    address: str
    workers: int = 4
    cores: float = 1.0
    retries: int = 3
    log: Path | None = None


@contextmanager
def ray_started(cluster: RayCluster) -> Iterator[Any]:
    """Connect to the cluster, or start one on this machine and stop it afterwards.

    Raises:
        Unavailable: Ray is not installed, or there is no cluster at the address.
    """
    local = cluster.address == "local"
    logical = max(cluster.workers, round(cluster.workers * cluster.cores)) + 1
    ray = start_ray(None if local else cluster.address, logical, 200_000_000 if local else None)
    try:
        yield ray
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, WhatsitError):
            raise cause from error
        raise Unavailable(f"Ray stopped ({str(error).strip().splitlines()[-1][:300]}); resume the work.") from error
    finally:
        if local:
            ray.shutdown()


def ray_embedding(cluster: RayCluster) -> OpenEmbedding:
    """Return what opens the embedding on a cluster, for `Rollout.start`."""

    @contextmanager
    def opened(network: Path, store: Store, pace: Pace) -> Iterator[tuple[EmbedRows, int]]:
        with ray_started(cluster) as ray:
            yield _RayEmbedding(ray, network.resolve(), store, pace, cluster), _ROWS

    return opened


class _RayEmbedding:
    """Embeds pictures on a cluster; this process alone writes the store.

    A worker that dies is replaced, and what it had not delivered is done again by another. What came back is written
    at once, so that the death of this process costs no more than what was under way. Pictures and the network lie on
    storage that all machines see under the same path.
    """

    def __init__(self, ray: Any, network: Path, store: Store, pace: Pace, cluster: RayCluster) -> None:
        self._ray, self._network, self._store, self._pace, self._cluster = ray, network, store, pace, cluster

    def __call__(self, rows: Sequence[PictureRow]) -> Iterator[tuple[PictureRow, tuple[Vector, ...] | str]]:
        """Embed pictures; they come as they are done. See `EmbedRows`."""
        import pyarrow

        ray = self._ray
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = False
        context.enable_progress_bars = False
        context.enable_operator_progress_bars = False
        source = iter([(row, self._store.places(picture_place(row))) for row in rows])
        blocks = []
        while some := list(islice(source, _TASK)):
            packed = pickle.dumps(some, pickle.HIGHEST_PROTOCOL)
            blocks.append(ray.put(pyarrow.table({"rows": pyarrow.array([packed], pyarrow.large_binary())})))
        if not blocks:
            return
        done = ray.data.from_arrow_refs(blocks).map_batches(
            _Worker,
            fn_constructor_args=(
                self._network,
                self._store.keeps_views,
                self._store.folder,
                self._pace.share,
                self._cluster.log,
            ),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=self._cluster.workers),
            num_cpus=self._cluster.cores,  # a pool's workers are replaced, and their tasks repeated, without end
        )
        del blocks
        for found in done.iter_rows():
            yield from pickle.loads(found["done"])


class _Worker:
    """One process of the cluster."""

    def __init__(self, network: Path, views: bool, folder: Path, share: float, log: Path | None) -> None:
        self._embedder, self._downloads = RegionEmbedder(network, views), Downloads()
        self._folder, self._share, self._log = folder, share, log

    def __call__(self, block: Any) -> Any:
        import pyarrow

        done = []
        for packed in block.column("rows").to_pylist():
            found = []
            for row, place in pickle.loads(packed):
                begin = time.monotonic()
                found.append((row, embed_row(self._embedder, row, place, self._folder, self._downloads)))
                self._note(row)
                time.sleep((time.monotonic() - begin) * (1.0 / self._share - 1.0))
            done.append(pickle.dumps(found, pickle.HIGHEST_PROTOCOL))
        return pyarrow.table({"done": pyarrow.array(done, pyarrow.large_binary())})

    def _note(self, row: PictureRow) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{row.image},{os.getpid()},{time.time():.3f}\n")
