"""Execution of ingestion steps on many machines, by actors of Ray Data."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from whatsit_client.errors import Unavailable, WhatsitError

from whatsit.catalogue.ingest.fetch import Fetch
from whatsit.catalogue.ingest.picture_analysis import PictureAnalysisSteps
from whatsit.catalogue.ingest.plan import Batch
from whatsit.catalogue.ingest.prepare import Done, Prepare, Settings
from whatsit.catalogue.ingest.thread_executor import FETCHES

# Batches that travel together: a block of Ray's store.
_BATCHES_AT_ONCE = 2
_STARTS = 4  # attempts to start Ray here


@dataclass(frozen=True)
class OnRay:
    """Prepares batches on Ray Data; this process alone writes the store.

    Pictures in files and shards are read where the actor runs: on a cluster they, and the networks, lie on storage that
    all machines see under the same path.

    Args:
        open_look: loads the networks; called once in every actor.
        actors: how many; each takes one core.
        address: of a cluster ("auto": the one that this machine belongs to), None to start Ray on this machine and to
            stop it afterwards.
        memory: bytes of Ray's object store on this machine, None for Ray's own choice.
    """

    open_look: Callable[[], PictureAnalysisSteps]
    actors: int
    address: str | None = None
    memory: int | None = None

    def __call__(self, batches: Iterable[Batch], fetch: Fetch, settings: Settings) -> Generator[Done, None, None]:
        """Prepare the batches; what is done comes in their order.

        Raises:
            Unavailable: Ray is not installed, or there is no cluster at the address.
        """
        ray = start_ray(self.address, self.actors, self.memory)
        try:
            yield from self._run(ray, batches, fetch, settings)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, WhatsitError):
                raise cause from error
            raise Unavailable(f"Ray stopped ({str(error).strip().splitlines()[-1][:300]}); run it again.") from error
        finally:
            if self.address is None:
                ray.shutdown()

    def _run(self, ray: Any, batches: Iterable[Batch], fetch: Fetch, settings: Settings) -> Generator[Done, None, None]:
        import pyarrow

        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        blocks = []
        source = iter(batches)
        while some := list(islice(source, _BATCHES_AT_ONCE)):
            packed = [pickle.dumps(batch, pickle.HIGHEST_PROTOCOL) for batch in some]
            blocks.append(ray.put(pyarrow.table({"batch": pyarrow.array(packed, pyarrow.large_binary())})))
        if not blocks:
            return
        done = ray.data.from_arrow_refs(blocks).map_batches(
            _Actor,
            fn_constructor_args=(self.open_look, fetch, settings),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=self.actors),
            num_cpus=1,
        )
        del blocks
        for row in done.iter_rows():
            yield pickle.loads(row["done"])


class _Actor:
    """One process of the cluster."""

    def __init__(self, open_look: Callable[[], PictureAnalysisSteps], fetch: Fetch, settings: Settings) -> None:
        self._prepare = Prepare(open_look(), fetch, settings)
        self._fetching = ThreadPoolExecutor(FETCHES)

    def __call__(self, block: Any) -> Any:
        import pyarrow

        done = []
        for packed in block.column("batch").to_pylist():
            batch: Batch = pickle.loads(packed)
            got = self._prepare.fetched(batch, self._fetching)
            done.append(pickle.dumps(self._prepare.done(batch, got), pickle.HIGHEST_PROTOCOL))
        return pyarrow.table({"done": pyarrow.array(done, pyarrow.large_binary())})


def start_ray(address: str | None, cores: int, memory: int | None) -> Any:
    """Connect to a cluster, or start one here, and return the module.

    A process that is connected stays so.

    Args:
        address: of a cluster; None to start Ray on this machine.
        cores: that a Ray on this machine counts.
        memory: bytes of its object store, None for Ray's own choice.

    Raises:
        Unavailable: Ray is not installed, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise Unavailable("This needs Ray Data: pip install 'whatsit[ray]'.") from error
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    if ray.is_initialized():
        return ray
    options: dict[str, Any] = {} if address else {"num_cpus": cores, "object_store_memory": memory}
    options |= {"include_dashboard": False, "logging_level": logging.ERROR, "log_to_driver": False}
    for left in reversed(range(1 if address else _STARTS)):
        try:
            ray.init(address=address or "local", **options)
            break
        except Exception as error:  # Ray raises a bare Exception where a busy machine took longer than its 30 seconds
            ray.shutdown()
            if not left or type(error) is not Exception:
                where = f"no Ray at '{address}'" if address else "no way to start Ray here"
                raise Unavailable(f"There is {where} ({str(error).strip().splitlines()[0][:200]}).") from error
    return ray
