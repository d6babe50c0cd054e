"""Steps of a turn as tasks of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable

from whatsit.loop.ray_embedding import RayCluster, ray_started
from whatsit.loop.turn.steps import Result, Turn
from whatsit.loop.turn.turn_log import TurnLog

_LOOK_SECONDS = 1.0


def run_on_ray(
    step: Callable[..., Result], turn: Turn, cluster: RayCluster, progress: Callable[[int, int | None], None]
) -> Result:
    """Run a step on a worker.

    One that dies is replaced, and goes on from what the step kept.

    The turn's folder, the catalogue and the pictures lie on storage that all machines see under the same path.

    Args:
        step: a function of `whatsit.loop.turn.steps`.
        turn: the step's.
        cluster: where it runs.
        progress: called about once a second.

    Raises:
        Unavailable: there is no cluster, or the worker died more often than is allowed.
        WhatsitError: the step failed.
    """
    with ray_started(cluster) as ray:

        def on_worker(turn: Turn) -> Result:
            TurnLog(turn.folder)(step.__name__, "runs on a Ray worker")
            return step(turn, lambda stage, done, total: None)

        task = ray.remote(on_worker).options(num_cpus=cluster.cores, max_retries=cluster.retries)
        waiting = task.remote(turn)
        try:
            while not ray.wait([waiting], timeout=_LOOK_SECONDS)[0]:
                progress(0, None)
            result: Result = ray.get(waiting)
        except KeyboardInterrupt:
            ray.cancel(waiting, force=True)
            raise
        return result
