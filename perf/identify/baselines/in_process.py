"""The ceiling: what the steps do, in one process with a pool of workers and nobody between them.

Reads one job after the other, JSON lines as `perf.identify.load_generator` takes them; its callers are threads here.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from whatsit.pipeline.describe import Pipeline
from whatsit.search.lookup import Facts
from whatsit.serving.request_options import Options
from whatsit.serving.steps.regions import area_shares
from whatsit.serving.steps.retrieval import Retriever, as_tensors
from whatsit.serving.triton_step import limit_threads

WORKERS = 4
# As model_repository/retrieval/config.pbtxt has them.
MIN_RANK, ANSWER_RANK = 0.9, 1.08


class InProcess:
    """`identify` as a function, safe to call from many threads."""

    def __init__(self, catalogue: Path) -> None:
        self._pipeline = Pipeline()
        self._retriever = Retriever(catalogue, self._pipeline.fingerprint, MIN_RANK, ANSWER_RANK)

    def __call__(self, picture: bytes) -> object:
        """The tensors that the ensemble would answer with."""
        options = Options()
        seen = self._pipeline.describe(picture, options)
        areas = area_shares(seen.regions, seen.picture.width, seen.picture.height)
        facts = [Facts(score=float(score)) for score in seen.regions.scores]
        return as_tensors(self._retriever(seen.embeddings, areas, options, facts), options.top_k)


def measure(identify: InProcess, pictures: list[bytes], callers: int, warm: float, seconds: float) -> dict[str, object]:
    """One point, in the generator's words."""
    times: list[tuple[float, float]] = []
    begin = time.perf_counter()
    counted, end = begin + warm, begin + warm + seconds
    with ThreadPoolExecutor(WORKERS) as pool:

        def call(first: int) -> None:
            number = first
            while (sent := time.perf_counter()) < end:
                pool.submit(identify, pictures[number % len(pictures)]).result()
                times.append((sent, time.perf_counter()))
                number += callers

        threads = [threading.Thread(target=call, args=(at,)) for at in range(callers)]
        for thread in threads:
            thread.start()
        time.sleep(max(0.0, counted - time.perf_counter()))
        before = time.process_time()
        time.sleep(max(0.0, end - time.perf_counter()))
        cpu = time.process_time() - before
        for thread in threads:
            thread.join()
    inside = [1000 * (done - sent) for sent, done in times if counted <= done < end]
    mean = 1000 * sum(done - sent for sent, done in times) / len(times)
    return {
        "latencies": inside, "rate": len(inside) / seconds, "cpu": 1000 * cpu / max(len(inside), 1), "own_cpu": 0.0,
        "mean_of_all": mean, "replies": len(times), "failures": 0,
    }  # fmt: skip


def main() -> None:
    """Answer jobs until standard input ends."""
    limit_threads()
    identify = InProcess(Path(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        files = sorted(
            path for path in Path(job["folder"]).iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
        )
        pictures = [path.read_bytes() for path in files]
        print(json.dumps(measure(identify, pictures, job["callers"], job["warm"], job["seconds"])), flush=True)


if __name__ == "__main__":
    main()
