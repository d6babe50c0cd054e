"""The ceiling: the steps' functions in one process, without a server.

Reads one job after the other, JSON lines with `folder`, `callers`, `warm` and `seconds`; writes a `Point` for each.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

from perf.common.server_fixture import read_pictures
from perf.identify.load_generator import measure
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import describe
from whatsit.pipeline.region_selection import area_shares
from whatsit.ranking.score import MATCH_SCORE
from whatsit.search.lookup import RegionFeatures
from whatsit.search.retriever import Retriever
from whatsit.serving.request_options import Options
from whatsit.serving.step_tensors import item_tensors
from whatsit.serving.triton_step import limit_threads

WORKERS = 4


class InProcess:
    """`identify` as a function, safe to call from many threads."""

    def __init__(self, catalogue: Path) -> None:
        self._networks = Networks()
        self._retriever = Retriever(catalogue, self._networks.fingerprint, MATCH_SCORE)

    def __call__(self, picture: bytes) -> object:
        """Return the tensors that the ensemble would answer with."""
        options = Options()
        seen = describe(picture, options, self._networks)
        areas = area_shares(seen.regions, seen.picture.width, seen.picture.height)
        facts = [RegionFeatures(score=float(score)) for score in seen.regions.scores]
        return item_tensors(self._retriever(seen.embeddings, areas, options, facts), options.top_k)


def main() -> None:
    """Answer jobs until standard input ends."""
    limit_threads()
    identify = InProcess(Path(sys.argv[1]))
    print("ready", flush=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        for line in sys.stdin:
            job = json.loads(line)
            pictures = read_pictures(Path(job["folder"]))

            def call(turn: int, pictures: list[bytes] = pictures) -> object:
                return pool.submit(identify, pictures[turn % len(pictures)]).result()

            point = measure([call] * job["callers"], job["warm"], job["seconds"], time.process_time)
            print(json.dumps(asdict(replace(point, own_cpu=0.0))), flush=True)


if __name__ == "__main__":
    main()
