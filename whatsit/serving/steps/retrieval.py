"""Last step: embeddings become matches, records and an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput, Unavailable
from whatsit_client.types import Answer

from whatsit.catalogue.backends import follow, open_items, store_url
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.milvus.milvus_url import Address
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import network_file
from whatsit.index.generation import Generation, open_generation
from whatsit.index.gpu_shard import on_gpu
from whatsit.index.searcher import Searcher
from whatsit.index.shard import Numbers
from whatsit.ranking.answer import answer
from whatsit.ranking.learned import Scorer
from whatsit.ranking.matches import Matches
from whatsit.ranking.score import MIN_SCORE
from whatsit.ranking.stages import DEFAULT_STAGES, compose, stage_names
from whatsit.search.calibrated_threshold import CalibratedThreshold, Calibration
from whatsit.search.lookup import Facts, Lookup
from whatsit.search.records import RecentRecords, Record
from whatsit.search.trained_ranker import TrainedRanker
from whatsit.serving.environment import served_catalogue
from whatsit.serving.local_rows import unpack_local_rows
from whatsit.serving.metrics import definitions as measures
from whatsit.serving.metrics.index_gauges import IndexMeasures
from whatsit.serving.request_options import Options
from whatsit.serving.triton_step import Tensors, text_tensor

# Stages that count categories among the neighbours need more of them than a caller asks for.
NEIGHBOURS = 30
# So many items are found by the words of `text`.
NAMED = 50


def check_catalogue(folder: Path, model_repository: Path) -> None:
    """Refuse a catalogue that a server could not open, before the server is started.

    Raises:
        Unavailable: nothing was published there.
        Damaged: files do not fit their checksums, or the calibration or the ranker cannot be read.
        InvalidInput: the index was made by another embedder.
    """
    layout = Layout(folder)
    url = store_url(folder)
    if url is None and not layout.store.is_file():
        raise Unavailable(f"There is no catalogue in {folder}: make one with `whatsit catalogue add {folder} SOURCE`.")
    if url is not None and Address.parse(url).is_file:
        raise Unavailable(
            f"A server has several processes and {url} is a file that one may open: start "
            "'milvus-lite server --data-dir FILE' and name milvus://127.0.0.1:19530 in its place."
        )
    Calibration.read(layout.calibration)
    fingerprint = embedder_fingerprint(network_file(model_repository, "embedder"))
    TrainedRanker(layout.ranker, fingerprint)
    items = open_items(folder, read_only=True)
    try:
        if url is None:
            open_generation(layout.index, fingerprint)
        else:
            follow(items, folder, fingerprint)
    finally:
        items.close()


@dataclass(frozen=True)
class Retrieved:
    """What the catalogue says of the regions of one picture.

    Args:
        regions: the matches of each region after all stages, at most `top_k` each.
        records: item number -> record, for every item in `regions`.
        answer: voted from the matches.
    """

    regions: tuple[Matches, ...]
    records: Mapping[int, Mapping[str, Any]]
    answer: Answer


class Retriever:
    """Searches a published catalogue and follows it: what was changed or published before a call counts in it.

    Args:
        folder: the catalogue's folder.
        fingerprint: of the embedder whose vectors will be looked up.
        min_score: default of the option.
        answer_score: an answer needs a match of this score, unless the caller sets `min_score` or the catalogue has a
            calibration for this embedder (see `whatsit calibrate`).
        stages: default of the option `rerank`.
        gpu: search large shards on a GPU where the installed FAISS has one.
        touch: shards that a query goes to, those nearest to it; 0 for all, None for what the index says.

    Raises:
        WhatsitError: nothing is published, or it is damaged or made by another embedder.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        min_score: float = MIN_SCORE,
        answer_score: float = MIN_SCORE,
        stages: str = DEFAULT_STAGES,
        gpu: bool = False,
        touch: int | None = None,
    ) -> None:
        layout = Layout(folder)
        self._fingerprint = fingerprint
        self._min_score, self._answer_score, self._stages = min_score, answer_score, stages
        self._calibrated = CalibratedThreshold(layout.calibration, fingerprint)
        self._ranker = TrainedRanker(layout.ranker, fingerprint)
        self._store = open_items(folder, read_only=True)

        def place(generation: Generation) -> Generation:
            return replace(on_gpu(generation) if gpu else generation, touch=touch)

        self._index = follow(self._store, folder, fingerprint, place)
        self._records = RecentRecords(self._store, self._store.changes if isinstance(self._store, Store) else None)
        measures.watch(IndexMeasures(self._index, self._store))

    def __call__(
        self,
        embeddings: npt.NDArray[np.float32],
        areas: npt.NDArray[np.float32],
        options: Options,
        facts: Sequence[Facts] = (),
        allowed: Numbers | None = None,
    ) -> Retrieved:
        """Look up every region.

        Args:
            embeddings: f32 [N,D], unit length.
            areas: f32 [N], each region's share of the picture's area, 0..1.
            options: the caller's.
            facts: what else is known of the first regions; `areas` goes before the area in it.
            allowed: item numbers that may be found, besides what `where` asks; None for all.

        Raises:
            InvalidInput: the caller asks for a stage that this catalogue is not prepared for.
        """
        with measures.STAGE_SECONDS.timed("filter"):
            index, selected = (self._index.now(), None) if options.where is None else self._index.where(options.where)
        if selected is not None:
            allowed = selected if allowed is None else np.intersect1d(selected, allowed)
        facts = [*facts, *[Facts()] * (len(embeddings) - len(facts))]
        facts = [replace(known, area=float(area)) for known, area in zip(facts, areas, strict=True)]
        min_score = self._min_score if options.min_score is None else options.min_score
        ranker = self._ranker()
        stages = compose(self._chosen(options, index, ranker is not None), min_score, ranker)
        lookup = Lookup(index, self._records, max(options.top_k, NEIGHBOURS), allowed, min_score, facts)
        seen = lookup.regions(embeddings)
        with measures.STAGE_SECONDS.timed("search"):
            near = lookup.matches(seen)
        with measures.STAGE_SECONDS.timed("rerank"):
            regions = [stages(matches) for matches in near]
        if options.text:
            named = self._store.text.search(options.text, NAMED, allowed)
            regions = [lookup.fused(region, matches, named) for region, matches in zip(seen, regions, strict=True)]
        verdict = answer(regions, lookup.records, self._needed_score(options), areas, self._calibrated.confidence())
        return Retrieved(tuple(matches.first(options.top_k) for matches in regions), lookup.records, verdict)

    def catalogue_vectors(self) -> tuple[npt.NDArray[np.float32], Numbers]:
        """All vectors as they are now, f32 [N,D], and the item of each, int64 [N]: for measurements."""
        return self._store.vectors(self._fingerprint)

    def records(self, numbers: Numbers) -> Mapping[int, Mapping[str, Any]]:
        """What is known of these items, by number."""
        return self._store.records(numbers.tolist())

    @property
    def is_trained(self) -> bool:
        """Whether the catalogue has a ranker for the stage `learned`."""
        return self._ranker() is not None

    @property
    def ranker(self) -> Scorer:
        """The catalogue's trained ranker.

        Raises:
            InvalidInput: it has none.
        """
        score = self._ranker()
        if score is None:
            raise InvalidInput("This catalogue has no trained ranker: run 'whatsit train ranker DIR'.")
        return score

    def _chosen(self, options: Options, index: Searcher, trained: bool) -> str:
        """The stages of a call: the caller's, else those of the server's that the catalogue is prepared for."""
        names = stage_names(self._stages if options.rerank is None else options.rerank)
        if index.words is None and "geometry" in names:
            if options.rerank is not None:
                raise InvalidInput(
                    "rerank names 'geometry', and this catalogue keeps no local features: "
                    "run 'whatsit catalogue publish DIR --geometry' on it."
                )
            names = tuple(name for name in names if name != "geometry")
        if not trained and options.rerank is None:
            names = tuple(name for name in names if name != "learned")
        return ",".join(names) or "none"

    def _needed_score(self, options: Options) -> float:
        """The score that an answer needs: the caller's, else the catalogue's, else the server's."""
        if options.min_score is not None:
            return options.min_score
        calibrated = self._calibrated()
        return self._answer_score if calibrated is None else calibrated


def touched_shards(text: str) -> int | None:
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
    """EMBEDDINGS, AREAS, SCORES, LOCAL, GATED -> ITEM_IDS, ITEM_SCORES, ITEM_RANKS, ITEM_RECORDS, ANSWER.

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
            touched_shards(parameters.get("shards", "auto")),
        )

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> dict[str, npt.NDArray[Any]]:
        """Answer one request."""
        embeddings = inputs["EMBEDDINGS"]
        if inputs["GATED"][0]:
            nothing = tuple(Matches(*_EMPTY) for _ in embeddings)
            measures.retrieved(nothing, Answer(found=False), gated=True)
            return as_tensors(Retrieved(nothing, {}, Answer(found=False)), options.top_k)
        taken = unpack_local_rows(inputs["LOCAL"], len(embeddings))
        facts = [Facts(one, score=float(score)) for one, score in zip(taken, inputs["SCORES"], strict=True)]
        retrieved = self._retriever(embeddings, inputs["AREAS"], options, facts)
        measures.retrieved(retrieved.regions, retrieved.answer, gated=False)
        return as_tensors(retrieved, options.top_k)


def _renamed(parameters: Mapping[str, str], name: str, deprecated: str) -> str | float:
    """Return a model parameter that a configuration may still give under its deprecated name."""
    return parameters.get(name, parameters.get(deprecated, MIN_SCORE))


def as_tensors(retrieved: Retrieved, width: int) -> dict[str, npt.NDArray[Any]]:
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


def evidence(matches: Matches, position: int) -> dict[str, Any]:
    """What the stages found out about a match beyond its score, e.g. {"match": {"inliers": 34, "confidence": 0.9}}."""
    known: dict[str, Any] = {}
    if matches.inliers is not None:
        known["inliers"] = int(matches.inliers[position])
    if matches.confidences is not None:
        known["confidence"] = round(float(matches.confidences[position]), 4)
    return {"match": known} if known else {}


_EMPTY: tuple[Any, Any, tuple[str, ...]] = (np.empty(0, np.int64), np.empty(0, np.float32), ())
