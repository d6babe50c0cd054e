"""Runs perf_analyzer once: a model, a load, an end."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import Unavailable, WhatsitError

from perf.identify.perf_analyzer_report import Load, read_load
from perf.identify.perf_analyzer_tool import PerfAnalyzer

SHARED_MEMORY = Path("/dev/shm")
_OUTPUT_BYTES = 8 * 1024 * 1024  # of one output in shared memory; decoded pixels are the largest
_THREADS = 16


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
        """So many requests in flight until so many are answered."""
        load = ["--concurrency-range", str(number), "--request-count", str(max(requests, number))]
        return self._measure(load, f"at concurrency {number}")

    def arrivals(self, rate: float, requests: int) -> Load:
        """Requests at random moments, so many a second in the mean, whether or not those before are answered."""
        load = ["--request-rate-range", f"{rate:.2f}", "--request-distribution", "poisson", "--async"]
        load += ["--max-threads", str(_THREADS), "--request-count", str(requests)]
        return self._measure(load, f"at {rate:.1f} requests a second")

    def _measure(self, load: list[str], when: str) -> Load:
        command = [str(self.tool.binary), "-m", self.model, "-i", "grpc", "-u", self.address, *load]
        command += ["--input-data", str(self.data)]
        if self.batch > 1:
            command += ["-b", str(self.batch)]
        if self.shared_memory:
            command += ["--shared-memory", "system", "--output-shared-memory-size", str(_OUTPUT_BYTES)]
        before = _regions()
        try:
            done = subprocess.run(
                command, env=self.tool.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=self.limit, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unavailable(
                f"perf_analyzer was not done after {self.limit:.0f} s {when}: give fewer --requests or more --limit."
            ) from None
        finally:
            if self.shared_memory:
                self._tidy(before)
        found = read_load(done.stdout) if done.returncode == 0 else None
        if found is None:
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["it said nothing"]
            telling = next((line for line in lines if "error" in line.lower() or "fail" in line.lower()), lines[-1])
            raise WhatsitError(f"perf_analyzer measured nothing of {self.model} {when}: {telling}")
        return found

    def _tidy(self, before: frozenset[str]) -> None:
        """perf_analyzer 2.51 leaves its regions behind, registered and in /dev/shm, named after the model's tensors."""
        import tritonclient.grpc as triton

        with triton.InferenceServerClient(self.address) as client:
            ours = client.get_system_shared_memory_status().regions
            keys = {region.key.lstrip("/") for region in ours.values()}
            client.unregister_system_shared_memory()
            metadata = client.get_model_metadata(self.model)
        names = {tensor.name for tensor in [*metadata.inputs, *metadata.outputs]}
        for region in _regions() - before:
            if region in keys or region in names or region.rsplit("_", 2)[0] in names:
                (SHARED_MEMORY / region).unlink(missing_ok=True)


def _regions() -> frozenset[str]:
    return frozenset(path.name for path in SHARED_MEMORY.iterdir()) if SHARED_MEMORY.is_dir() else frozenset()
