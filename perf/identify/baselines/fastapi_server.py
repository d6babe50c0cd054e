"""FastAPI baseline: ONNX Runtime and a FAISS index in one web service.

The same networks, regions, vectors and facts as the ensemble `identify`; the catalogue is read once at the start, so
there are no live changes, filters or reranking.

python -m perf.identify.baselines.fastapi_server CATALOGUE PORT  # a pool of 4, one thread each, no spinning
python -m perf.identify.baselines.fastapi_server CATALOGUE PORT --untuned  # every library's own defaults
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI, Request, Response
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import read_labels
from whatsit.pipeline.region_selection import Detections, RegionOptions, choose_regions, crop_regions, is_gated

WORKERS, NEIGHBOURS, TOP_K, MIN_SCORE, ANSWER_SCORE = 4, 30, 10, 0.9, 1.08
NETWORKS = default_root() / "model_repository"


def session(network: str, tuned: bool) -> ort.InferenceSession:
    """Return a network in ONNX Runtime."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if tuned:
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(NETWORKS / network / "1" / "model.onnx"), options, ["CPUExecutionProvider"])


class Service:
    """Everything from the file to the facts, safe to call from many threads."""

    def __init__(self, catalogue: Path, tuned: bool) -> None:
        self._detector, self._classifier, self._embedder = (
            session(name, tuned) for name in ("detector", "classifier", "embedder")
        )
        self._labels = read_labels(NETWORKS / "detector" / "labels.txt")
        store = Store(Layout(catalogue).store, read_only=True)
        vectors, self._items = store.vectors(embedder_fingerprint(NETWORKS / "embedder" / "1" / "model.onnx"))
        self._index = faiss.IndexFlatL2(vectors.shape[1])
        self._index.add(vectors)
        self._records = store.records(np.unique(self._items))

    def identify(self, image: bytes) -> bytes:
        """What the picture shows, as JSON."""
        picture, options = decode_picture(image), RegionOptions()
        boxes, scores, labels = self._detector.run(
            ["boxes", "scores", "labels"], {"images": picture.detector_image[None]}
        )
        intent, source, topic, tag = self._classifier.run(
            ["intent", "source", "topic", "tag"], {"images": picture.whole_crop[None]}
        )
        gated = is_gated(intent[0], options)
        found = Detections(boxes[0] / picture.detector_scale, scores[0], labels[0], self._labels)
        regions = choose_regions(found, picture.width, picture.height, options, gated=gated)
        cut = crop_regions(picture, regions)
        (embeddings,) = self._embedder.run(["embedding"], {"images": cut})
        squared, rows = self._index.search(embeddings, NEIGHBOURS)
        scores = 2.0 - np.sqrt(np.maximum(squared, 0.0))
        matches = [self._matches(*row) for row in zip(scores, rows, strict=True)]
        votes = Counter(match["id"] for found in matches for match in found[:1] if match["score"] >= ANSWER_SCORE)
        facts = {
            "boxes": regions.boxes.tolist(), "box_scores": regions.scores.tolist(), "box_labels": regions.labels,
            "intent_scores": intent[0].tolist(), "source_scores": source[0].tolist(),
            "topic_scores": topic[0].tolist(), "tag_scores": tag[0].tolist(),
            "matches": [[] for _ in matches] if gated else matches,
            "answer": None if gated or not votes else votes.most_common(1)[0][0],
        }  # fmt: skip
        return json.dumps(facts, ensure_ascii=False).encode()

    def _matches(self, scores: Any, rows: Any) -> list[dict[str, Any]]:
        best: dict[int, float] = {}
        for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
            if row >= 0 and score >= MIN_SCORE:
                best.setdefault(int(self._items[row]), score)
        return [{**self._records[item], "score": score} for item, score in list(best.items())[:TOP_K]]


def app(service: Service, tuned: bool) -> FastAPI:
    """Return the web service: POST /identify with the encoded file as the body."""
    web = FastAPI()
    pool = ThreadPoolExecutor(WORKERS if tuned else None)

    @web.post("/identify")
    async def identify(request: Request) -> Response:
        image = await request.body()
        try:
            facts = await asyncio.get_running_loop().run_in_executor(pool, service.identify, image)
        except InvalidInput as error:
            return Response(json.dumps({"error": str(error)}), 400, media_type="application/json")
        return Response(facts, media_type="application/json")

    return web


if __name__ == "__main__":
    as_tuned = "--untuned" not in sys.argv
    if as_tuned:
        cv2.setNumThreads(1)
        faiss.omp_set_num_threads(1)
    served = app(Service(Path(sys.argv[1]), as_tuned), as_tuned)
    uvicorn.run(served, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
