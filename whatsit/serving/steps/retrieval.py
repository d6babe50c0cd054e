"""Last step: embeddings become matches, records and an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Answer

from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.ranking.matches import Matches
from whatsit.ranking.score import MIN_SCORE
from whatsit.ranking.stages import DEFAULT_STAGES
from whatsit.search.lookup import RegionFeatures
from whatsit.search.records import Record
from whatsit.search.retriever import Retrieved, Retriever, evidence
from whatsit.serving.environment import served_catalogue
from whatsit.serving.local_rows import unpack_local_rows
from whatsit.serving.metrics import definitions as measures
from whatsit.serving.metrics.index_gauges import IndexMeasures
from whatsit.serving.request_options import Options
from whatsit.serving.triton_step import Outputs, Tensors, text_tensor


def parse_nprobe(text: str) -> int | None:
    """The parameter `shards`: a number from 1, 0 for "all", None for "auto".

    Raises:
        InvalidInput: it is none of these.
    """
    if text in ("auto", "all"):
        return None if text == "auto" else 0
    if not text.isdecimal() or int(text) < 1:
        raise InvalidInput(
            f"The parameter shards of the model retrieval is a number from 1, all or auto, not '{text}'."
        )
    return int(text)


class Retrieve:
    """EMBEDDINGS, AREAS, SCORES, LOCAL, GATED -> ITEM_* tensors and ANSWER.

    ITEM_RANKS is the deprecated name of ITEM_SCORES.

    Model parameters: `embedder` (its file, relative to the model folder), `min_score`, `answer_score`, `stages`, and
    `gpu` ("auto": FAISS on a GPU where there is one), and `shards` (how many of the index's shards a query goes to: a
    number, "all", or "auto" for what the index says).
    The environment variable WHATSIT_CATALOGUE names the catalogue's folder.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        embedder = Path(parameters["model_directory"], parameters["embedder"])
        self._retriever = Retriever(
            served_catalogue(),
            embedder_fingerprint(embedder),
            float(_renamed(parameters, "min_score", "min_rank")),
            float(_renamed(parameters, "answer_score", "answer_rank")),
            parameters.get("stages", DEFAULT_STAGES),
            parameters.get("gpu") == "auto",
            parse_nprobe(parameters.get("shards", "auto")),
            measures.STAGE_SECONDS.timed,
        )
        measures.watch(IndexMeasures(self._retriever.index, self._retriever.store))

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> Outputs:
        """Answer one request."""
        embeddings = inputs["EMBEDDINGS"]
        if inputs["GATED"][0]:
            nothing = tuple(Matches(*_EMPTY) for _ in embeddings)
            measures.retrieved(nothing, Answer(found=False), gated=True)
            return as_tensors(Retrieved(nothing, {}, Answer(found=False)), options.top_k)
        taken = unpack_local_rows(inputs["LOCAL"], len(embeddings))
        features = [RegionFeatures(one, score=float(score)) for one, score in zip(taken, inputs["SCORES"], strict=True)]
        retrieved = self._retriever(embeddings, inputs["AREAS"], options, features)
        measures.retrieved(retrieved.regions, retrieved.answer, gated=False)
        return as_tensors(retrieved, options.top_k)


def _renamed(parameters: Mapping[str, str], name: str, deprecated: str) -> str | float:
    """Return a model parameter, also under its deprecated name."""
    return parameters.get(name, parameters.get(deprecated, MIN_SCORE))


def as_tensors(retrieved: Retrieved, width: int) -> Outputs:
    """The step's outputs; rows with fewer than `width` matches end in "" and score 0."""
    scores = np.zeros((len(retrieved.regions), width), dtype=np.float32)
    ids = np.full(scores.shape, b"", dtype=object)
    texts = np.full(scores.shape, b"", dtype=object)
    for row, matches in enumerate(retrieved.regions):
        scores[row, : len(matches)] = matches.scores
        for column, number in enumerate(matches.numbers):
            record, more = retrieved.records[int(number)], evidence(matches, column)
            ids[row, column] = str(record["id"]).encode()
            told = record if not more and isinstance(record, Record) else Record({**record, **more})
            texts[row, column] = told.encoded
    verdict = json.dumps(retrieved.answer.to_record(), ensure_ascii=False)
    return {
        "ITEM_IDS": ids,
        "ITEM_SCORES": scores,
        "ITEM_RANKS": scores,
        "ITEM_RECORDS": texts,
        "ANSWER": text_tensor([verdict]),
    }


_EMPTY: tuple[Any, Any, tuple[str, ...]] = (np.empty(0, np.int64), np.empty(0, np.float32), ())
