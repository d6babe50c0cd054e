"""Run perf_analyzer once; read its CSV report and Triton's statistics.

`--profile-export-file` is no way to read a run of 2.51: it keeps every tensor of every request, as text, and its text
is not UTF-8 where an output holds bytes.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tritonclient.grpc as triton
from whatsit_client.errors import Unavailable, WhatsitError

from perf.common.tables import read_rows
from perf.identify.perf_analyzer_tool import PerfAnalyzer
from whatsit.tuning.model_costs import Counters, read_counters
from whatsit.tuning.search_space import PIPELINE

SHARED_MEMORY = Path("/dev/shm")
_OUTPUT_BYTES = 8 * 1024 * 1024  # of one output in shared memory; decoded pixels are the largest
_THREADS = 16


@dataclass(frozen=True)
class ModelTimes:
    """Triton's statistics of one model; times in milliseconds per request.

    Args:
        name: of the model.
        inferences: how many items.
        executions: in how many executions, fewer than `inferences` where requests were batched together.
        queue_ms: waiting.
        compute_ms: input, inference and output together.
    """

    name: str
    inferences: int
    executions: int
    queue_ms: float
    compute_ms: float


@dataclass(frozen=True)
class Load:
    """One measurement.

    Args:
        offered: the load: "4 in flight" or "12.5/s at random".
        rate: items per second: of requests in flight, their number over the mean latency; else as it was counted.
        ms: 50, 90, 95, 99 -> that percentile of the latency.
        models: the loaded model, then those that it is composed of in the pipeline's order.
        delayed: percent of the requests that perf_analyzer sent later than it meant to.
    """

    offered: str
    rate: float
    ms: Mapping[int, float]
    models: tuple[ModelTimes, ...]
    delayed: float = 0.0


@dataclass(frozen=True)
class Run:
    """One model under perf_analyzer.

    Args:
        tool: the program.
        model: a model or an ensemble.
        address: gRPC host:port.
        data: what it sends, see `Inputs`.
        batch: items of a request.
        shared_memory: inputs and outputs go through shared memory.
        limit: seconds that one measurement may take.
    """

    tool: PerfAnalyzer
    model: str
    address: str
    data: Path
    batch: int = 1
    shared_memory: bool = False
    limit: float = 300.0

    def callers(self, number: int, requests: int) -> Load:
        """Keep so many requests in flight until so many are answered."""
        load = ["--concurrency-range", str(number), "--request-count", str(max(requests, number))]
        return self._measure(load, f"at concurrency {number}")

    def arrivals(self, rate: float, requests: int) -> Load:
        """Send requests at random moments, so many a second in the mean."""
        load = ["--request-rate-range", f"{rate:.2f}", "--request-distribution", "poisson", "--async"]
        load += ["--max-threads", str(_THREADS), "--request-count", str(requests)]
        return self._measure(load, f"at {rate:.1f} requests a second")

    def _measure(self, load: list[str], when: str) -> Load:
        command = ["-m", self.model, "-i", "grpc", "-u", self.address, *load]
        command += ["--input-data", str(self.data), "-b", str(self.batch)]
        if self.shared_memory:
            command += ["--shared-memory", "system", "--output-shared-memory-size", str(_OUTPUT_BYTES)]
        regions, before = set(SHARED_MEMORY.glob("*")), read_counters(self.address)
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.csv")
            try:
                done = self.tool.run(*command, "--verbose-csv", "-f", str(report), timeout=self.limit)
            except subprocess.TimeoutExpired:
                late = f"perf_analyzer was not done after {self.limit:.0f} s {when}"
                raise Unavailable(f"{late}: give fewer --requests or more --limit.") from None
            finally:
                if self.shared_memory:
                    self._remove_regions(regions)
            if done.returncode or not report.is_file():
                lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["it said nothing"]
                telling = next((line for line in lines if "error" in line.lower() or "fail" in line.lower()), lines[-1])
                raise WhatsitError(f"perf_analyzer measured nothing of {self.model} {when}: {telling}")
            delayed = re.search(r"([\d.]+)% of the requests were delayed", done.stdout)
            models = model_times(self.model, before, read_counters(self.address))
            return read_load(report, self.batch, models, float(delayed[1]) if delayed else 0.0)

    def _remove_regions(self, before: set[Path]) -> None:
        """Remove the shared memory that perf_analyzer 2.51 leaves behind."""
        with triton.InferenceServerClient(self.address) as client:
            client.unregister_system_shared_memory()
            metadata = client.get_model_metadata(self.model)
        names = {tensor.name for tensor in [*metadata.inputs, *metadata.outputs]}
        for region in set(SHARED_MEMORY.glob("*")) - before:
            if region.name in names or region.name.rsplit("_", 2)[0] in names:
                region.unlink(missing_ok=True)


def read_load(report: Path, batch: int, models: tuple[ModelTimes, ...], delayed: float = 0.0) -> Load:
    """Read the CSV report of one measurement.

    With a count of requests perf_analyzer rounds the time up to seconds; where callers wait for each answer, the rate
    comes from the mean latency.
    """
    row = read_rows(report)[0]
    ms = {percent: int(row[f"p{percent} latency"]) / 1000 for percent in (50, 90, 95, 99)}
    if (callers := row.get("Concurrency")) is not None:
        rate = batch * int(callers) * 1e6 / int(row["Avg latency"])
        return Load(f"{callers} in flight", rate, ms, models, delayed)
    offered = f"{float(row['Request Rate']):g}/s at random"
    return Load(offered, float(row["Inferences/Second"]), ms, models, delayed)


def model_times(model: str, before: Mapping[str, Counters], after: Mapping[str, Counters]) -> tuple[ModelTimes, ...]:
    """Return the times of each model between two readings, the loaded one first."""
    found, zero = [], Counters(0, 0, 0, 0, 0)
    for name in dict.fromkeys((model, *PIPELINE)):
        was = before.get(name, zero)
        now = after.get(name, zero)
        if now.calls > was.calls:
            cost = now.since(was)
            counts = now.items - was.items, now.executions - was.executions
            found.append(ModelTimes(name, *counts, cost.queue_ms, cost.compute_ms))
    return tuple(found)
