"""Retrieval from a published catalogue: embeddings to matches, records, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Answer

from whatsit.catalogue.backends import open_index_view, open_store
from whatsit.catalogue.layout import Layout
from whatsit.engines.repository import answer_file
from whatsit.index.delta_index import DeltaIndex
from whatsit.index.generation import Generation
from whatsit.index.gpu_shard import on_gpu
from whatsit.index.searcher import Searcher
from whatsit.index.shard import Numbers
from whatsit.ranking.answer import AnswerRule, answer, not_searched
from whatsit.ranking.answer_model import FOUND, AnswerModel
from whatsit.ranking.learned import Scorer
from whatsit.ranking.matches import Matches
from whatsit.ranking.print_regions import choose_prints
from whatsit.ranking.score import MATCH_SCORE
from whatsit.ranking.stages import AUTO, DEFAULT_STAGES, compose, stage_names
from whatsit.search.answer_calibration import CalibratedAnswer
from whatsit.search.clues import Clues
from whatsit.search.code_matches import add_coded
from whatsit.search.item_search import ItemSearch
from whatsit.search.lookup import Lookup, RegionFeatures
from whatsit.search.match_places import Place, find_places
from whatsit.search.records import RecentRecords
from whatsit.search.search_options import SearchOptions
from whatsit.search.trained_ranker import TrainedRanker
from whatsit.vision.text_reader import can_read_text

# Stages that count categories among the neighbours need more of them than a caller asks for.
NEIGHBOURS = 30
# So many items are found by the words of `text`.
NAMED = 50


@dataclass(frozen=True)
class Retrieved:
    """The search results of the regions of one picture.

    Args:
        regions: the matches of each region after all stages, at most `top_k` each.
        records: item number -> record, for every item in `regions`.
        answer: decided from the matches.
        places: item number -> place of the match, for each region; () where the catalogue indexes no objects.
        fingerprints: of the embedder whose vectors were looked up, and of that which made the index.
    """

    regions: tuple[Matches, ...]
    records: Mapping[int, Mapping[str, Any]]
    answer: Answer
    places: tuple[Mapping[int, Place], ...] = ()
    fingerprints: tuple[str, str] = ("", "")

    @classmethod
    def nothing(cls, regions: int) -> Retrieved:
        """Return no match for each of so many regions, as for a gated picture."""
        none = Matches(np.empty(0, np.int64), np.empty(0, np.float32), ())
        return cls((none,) * regions, {}, not_searched(regions))


class Retriever:
    """Search a published catalogue and follow its changes.

    What was changed or published before a call counts in it.

    Args:
        folder: the catalogue's folder.
        fingerprint: of the embedder whose vectors will be looked up.
        min_score: default of the option.
        answer_model: of the probability of an answer; None for that of the package. A calibration of the catalogue for
            this embedder adapts it (see `whatsit calibrate`).
        found: probability that an answer needs, unless the catalogue has a calibration, 0..1.
        calibrated: whether the catalogue's own calibration counts.
        stages: default of the option `rerank`.
        gpu: search large shards on a GPU where the installed FAISS has one.
        nprobe: shards that a query goes to, those nearest to it; 0 for all, None for what the index says.
        timed: gives a context manager that measures one of the parts "filter", "search" and "rerank".

    Raises:
        WhatsitError: nothing is published, or it is damaged or made by another embedder.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        min_score: float = MATCH_SCORE,
        answer_model: AnswerModel | None = None,
        found: float = FOUND,
        calibrated: bool = True,
        stages: str = DEFAULT_STAGES,
        gpu: bool = False,
        nprobe: int | None = None,
        timed: Callable[[str], AbstractContextManager[None]] = lambda part: nullcontext(),
    ) -> None:
        layout = Layout(folder)
        self._timed = timed
        self._fingerprint = fingerprint
        self._min_score, self._stages = min_score, stages
        model = AnswerModel.read(answer_file()) if answer_model is None else answer_model
        self._rule = CalibratedAnswer(layout.calibration, fingerprint if calibrated else "", AnswerRule(model, found))
        self._ranker = TrainedRanker(layout.ranker, fingerprint)
        self.store = open_store(folder, read_only=True)

        def place(generation: Generation) -> Generation:
            return replace(on_gpu(generation) if gpu else generation, nprobe=nprobe)

        self.index = open_index_view(self.store, folder, fingerprint, place)
        self._records = RecentRecords(self.store, self.store.changes)

    def __call__(
        self,
        embeddings: npt.NDArray[np.float32],
        areas: npt.NDArray[np.float32],
        options: SearchOptions,
        features: Sequence[RegionFeatures] = (),
        allowed: Numbers | None = None,
        clues: Clues | None = None,
    ) -> Retrieved:
        """Look up every region.

        Args:
            embeddings: f32 [N,D], unit length.
            areas: f32 [N], each region's share of the picture's area, 0..1.
            options: the caller's.
            features: what else is known of the first regions; `areas` goes before the area in it.
            allowed: item numbers that may be found, besides what `where` asks; None for all.
            clues: what else the picture shows: codes, and print where words may be read.

        Raises:
            InvalidInput: the caller asks for a stage that this catalogue or this server is not prepared for.
        """
        with self._timed("filter"):
            index, selected = (self.index.now(), None) if options.where is None else self.index.where(options.where)
        if selected is not None:
            allowed = selected if allowed is None else np.intersect1d(selected, allowed)
        features = [*features, *[RegionFeatures()] * (len(embeddings) - len(features))]
        features = [replace(known, area=float(area)) for known, area in zip(features, areas, strict=True)]
        min_score = self._min_score if options.min_score is None else options.min_score
        ranker = self._ranker()
        chosen = self._chosen(options, index, ranker is not None)
        stages = compose(chosen, min_score, ranker, read_close=options.read == "auto")
        text = self.store.text if self.store.changes is not None else None  # Milvus has neither
        lookup = Lookup(index, self._records, max(options.top_k, NEIGHBOURS), allowed, min_score, text)
        with self._timed("search"):
            near = lookup.search(embeddings, features, clues)
        with self._timed("rerank"):
            is_auto = AUTO in stage_names(chosen)
            near = choose_prints(near) if is_auto else near
            regions = [stages(matches) for matches in near]
            if is_auto and options.min_score is not None:  # print lets items in whose score is below
                regions = [found.take(np.flatnonzero(found.scores >= np.float32(min_score))) for found in regions]
        if options.text:
            named = self.store.text.search(options.text, NAMED, allowed)
            contexts = [matches.search_context for matches in near]
            regions = [lookup.fuse_text(*both, named) for both in zip(contexts, regions, strict=True)]
        if clues is not None and clues.only_codes:
            regions = [matches.first(0) for matches in regions]
        if clues is not None and clues.codes and self.store.codes is not None:
            contexts = [matches.search_context for matches in near]
            regions = add_coded(lookup, contexts, regions, clues, self.store.codes)
        verdict = answer(regions, lookup.records, self._rule(min_score))
        shown = tuple(matches.first(options.top_k) for matches in regions)
        places = find_places(self.store, self._fingerprint, embeddings, shown) if self.store.keeps_objects else ()
        return Retrieved(shown, lookup.records, verdict, places, (self._fingerprint, self._made_by(index)))

    @property
    def fingerprints(self) -> tuple[str, str]:
        """Return the embedder of the queries, and that of the index as it is now."""
        return self._fingerprint, self._made_by(self.index.now())

    def _made_by(self, index: Searcher) -> str:
        """Return the embedder that made an index; an empty one fits every embedder."""
        generation = index.generation if isinstance(index, DeltaIndex) else None
        if generation is None or not generation.manifest.vectors:
            return self._fingerprint
        return generation.manifest.fingerprint

    @property
    def items(self) -> ItemSearch:
        """Return the search by the catalogue's own items."""
        return ItemSearch(self.store, self.index, self._fingerprint)

    def catalogue_vectors(self) -> tuple[npt.NDArray[np.float32], Numbers]:
        """Return all vectors f32 [N,D] and their items int64 [N], for measurements."""
        return self.store.vectors(self._fingerprint)

    def records(self, numbers: Numbers) -> Mapping[int, Mapping[str, Any]]:
        """Return the records of these items, by number."""
        return self.store.records(numbers.tolist())

    @property
    def is_trained(self) -> bool:
        """Return whether the catalogue has a ranker for the stage `learned`."""
        return self._ranker() is not None

    @property
    def ranker(self) -> Scorer:
        """Return the catalogue's trained ranker.

        Raises:
            InvalidInput: it has none.
        """
        score = self._ranker()
        if score is None:
            raise InvalidInput("This catalogue has no trained ranker: run 'whatsit train ranker DIR'.")
        return score

    def _chosen(self, options: SearchOptions, index: Searcher, trained: bool) -> str:
        """Return the stages of a call: the caller's, else the server's.

        Of the server's, only those that the catalogue is prepared for.
        """
        names = stage_names(self._stages if options.rerank is None else options.rerank)
        if index.words is None:
            names = tuple(name for name in names if name != AUTO)
        if index.words is None and "geometry" in names:
            if options.rerank is not None:
                raise InvalidInput(
                    "rerank names 'geometry', and this catalogue keeps no local features: "
                    "run 'whatsit catalogue publish DIR --geometry' on it."
                )
            names = tuple(name for name in names if name != "geometry")
        if not trained and options.rerank is None:
            names = tuple(name for name in names if name != "learned")
        if options.read == "on" and "read" not in names:
            place = names.index("learned") if "learned" in names else len(names)
            names = (*names[:place], "read", *names[place:])
        if (options.read != "off" or "read" in names) and not can_read_text():
            if options.read != "off" or options.rerank is not None:
                raise InvalidInput(
                    "This server reads no words, which 'read' asks for: install the extra, pip install 'whatsit[read]'."
                )
            names = tuple(name for name in names if name != "read")
        return ",".join(names) or "none"


def evidence(matches: Matches, position: int, place: Place | None = None) -> dict[str, Any]:
    """Return the stages' evidence of a match beyond its score, and its place.

    For example {"match": {"inliers": 34, "confidence": 0.9}}.
    """
    known: dict[str, Any] = {}
    if matches.inliers is not None:
        known["inliers"] = int(matches.inliers[position])
    if matches.confidences is not None:
        known["confidence"] = round(float(matches.confidences[position]), 4)
    if matches.codes is not None and matches.codes[position]:
        known["code"] = matches.codes[position]
    if matches.matched_words is not None:
        known["words"] = list(matches.matched_words[position])
    if place is not None:
        known |= place.to_record()
    return {"match": known} if known else {}
