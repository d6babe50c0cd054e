"""Cost of each model of a running pipeline, by Triton's statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tritonclient.grpc as triton


@dataclass(frozen=True)
class Cost:
    """Cost of one model, per call of the pipeline.

    Args:
        queue_ms: waiting for a free instance.
        compute_ms: copies and computing.
        batch: items in one execution, on average.
    """

    queue_ms: float
    compute_ms: float
    batch: float = 1.0


@dataclass(frozen=True)
class Counters:
    """Triton's counters of one model since its start.

    Args:
        calls: answered.
        items: computed, several a call where a call carries a batch.
        executions: one may answer several calls.
        queue_ns: of all calls together.
        compute_ns: of all calls together.
    """

    calls: int
    items: int
    executions: int
    queue_ns: int
    compute_ns: int

    def since(self, before: Counters) -> Cost:
        """Return the mean cost of a call since `before`."""
        calls = max(self.calls - before.calls, 1)
        executions = max(self.executions - before.executions, 1)
        return Cost(
            (self.queue_ns - before.queue_ns) / calls / 1e6,
            (self.compute_ns - before.compute_ns) / calls / 1e6,
            (self.items - before.items) / executions,
        )


def read_counters(address: str) -> Mapping[str, Counters]:
    """Read the counters of every model of a server.

    Args:
        address: gRPC host:port.
    """
    with triton.InferenceServerClient(address) as client:
        statistics = client.get_inference_statistics()
    found = {}
    for model in statistics.model_stats:
        times = model.inference_stats
        compute = times.compute_input.ns + times.compute_infer.ns + times.compute_output.ns
        found[model.name] = Counters(
            times.success.count, model.inference_count, model.execution_count, times.queue.ns, compute
        )
    return found
