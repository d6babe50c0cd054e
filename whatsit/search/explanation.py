"""Explanation of why an item was or was not found for a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.taxonomy import INTENTS
from whatsit_client.types import Answer, Box

from whatsit.catalogue.serving_pair import own_network
from whatsit.index.index_kind import Numbers
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import describe
from whatsit.pipeline.region_selection import RegionOptions, area_shares, is_gated, local_features
from whatsit.ranking.matches import Matches
from whatsit.ranking.score import MATCH_SCORE
from whatsit.search.lookup import RegionFeatures
from whatsit.search.retriever import Retrieved, Retriever
from whatsit.search.search_options import SearchOptions


@dataclass(frozen=True)
class RegionEvidence:
    """What one region says of the item.

    Args:
        region: its index; 0 is the whole picture.
        label: of the detector.
        box: x1, y1, x2, y2 in pixels.
        score: of the item, 2 - distance of its nearest picture, 0..2; None where it has no vector.
        nearer: how many items are more alike.
        place: of the item among the matches after all stages, from 1; None where it is none of them.
        first: id of the first match, None for none.
        first_score: its score.
        inliers: of the item, where `geometry` ran.
        confidence: of the item, where `learned` ran.
    """

    region: int
    label: str
    box: Box
    score: float | None
    nearer: int
    place: int | None
    first: str | None
    first_score: float | None
    inliers: int | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class Explanation:
    """Why an item was or was not found.

    Args:
        id: of the item, or of the one that it was merged into.
        title: of it.
        answer: of the whole call.
        is_answer: whether the item is the first of the answer.
        intent: of the picture.
        regions: each region's evidence.
        reasons: sentences, the weightiest first.
    """

    id: str
    title: str | None
    answer: Answer
    is_answer: bool
    intent: str
    regions: tuple[RegionEvidence, ...]
    reasons: tuple[str, ...]

    @property
    def best(self) -> RegionEvidence:
        """The region that is most like the item."""
        return max(self.regions, key=lambda one: (one.score or 0.0, -one.region))

    def to_record(self) -> dict[str, Any]:
        """Return the explanation as a JSON object."""
        return {**asdict(self), "answer": self.answer.to_record()}


def explain(
    folder: Path,
    photo: bytes,
    id: str,
    options: SearchOptions,
    model_repository: Path | None = None,
) -> Explanation:
    """Look a photo up as a server does, and say what became of one item.

    Args:
        folder: the catalogue's.
        photo: encoded.
        id: of the item.
        options: of the call.
        model_repository: networks instead of Whatsit's own.

    Raises:
        InvalidInput: there is no such item, or the photo or an option is wrong.
        WhatsitError: nothing is published, or networks and index do not fit.
    """
    with Networks(model_repository, embedder=own_network(folder)) as networks:
        retriever = Retriever(folder, networks.fingerprint, min_score=MATCH_SCORE)
        shown = retriever.store.show(id)
        item = retriever.store.show(shown["merged_into"]) if shown["merged_into"] else shown
        described = describe(photo, RegionOptions(options.boxes, gate=False), networks)
        picture, regions = described.picture, described.regions
        features = [
            RegionFeatures(local, score=float(score))
            for local, score in zip(local_features(picture, regions), regions.scores.tolist(), strict=False)
        ]
        areas = area_shares(regions, picture.width, picture.height)
        found = retriever(described.embeddings, areas, options, features)
        vectors, numbers = retriever.catalogue_vectors()
        allowed = None if options.where is None else retriever.store.select(options.where)
    number = int(item["number"])
    own = numbers == number
    evidence = tuple(
        _evidence(index, label, tuple(box), _distances(vectors, query), own, numbers, matches, number, found)
        for index, (label, box, query, matches) in enumerate(
            zip(regions.labels, regions.boxes.tolist(), described.embeddings, found.regions, strict=True)
        )
    )
    is_answer = found.answer.found and found.answer.ids[:1] == (item["id"],)
    asked = RegionOptions(options.boxes, options.gate)
    reasons = [
        *_of_the_item(shown, item, int(own.sum()), allowed is not None and number not in allowed, options),
        *_of_the_picture("intent" in described.heads and is_gated(described.heads["intent"], asked)),
        *_of_the_matches(item["id"], evidence, found.answer, is_answer),
    ]
    intent = INTENTS[int(np.argmax(described.heads["intent"]))] if "intent" in described.heads else ""
    return Explanation(item["id"], item["title"], found.answer, is_answer, intent, evidence, tuple(reasons))


def _distances(vectors: npt.NDArray[np.float32], query: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.linalg.norm(vectors - query, axis=1) if len(vectors) else np.empty(0), np.float32)


def _evidence(
    index: int,
    label: str,
    box: Any,
    distances: npt.NDArray[np.float32],
    own: npt.NDArray[np.bool_],
    numbers: Numbers,
    matches: Matches,
    number: int,
    found: Retrieved,
) -> RegionEvidence:
    """Return what one region says of the item.

    Args:
        index: of the region.
        label: of it.
        box: of it.
        distances: f32 [N], to each vector of the catalogue.
        own: bool [N], which of them are the item's.
        numbers: int64 [N], the item of each.
        matches: of the region, after all stages.
        number: of the item.
        found: the whole result.
    """
    nearest = float(distances[own].min()) if own.any() else None
    nearer = 0 if nearest is None else len(np.unique(numbers[(distances < nearest) & ~own]))
    places = np.flatnonzero(matches.numbers == number)
    place = int(places[0]) if len(places) else None
    first = found.records[int(matches.numbers[0])]["id"] if len(matches) else None
    return RegionEvidence(
        index,
        label,
        box,
        None if nearest is None else 2.0 - nearest,
        nearer,
        None if place is None else place + 1,
        first,
        float(matches.scores[0]) if len(matches) else None,
        None if place is None or matches.inliers is None else int(matches.inliers[place]),
        None if place is None or matches.confidences is None else float(matches.confidences[place]),
    )


def _of_the_item(
    shown: dict[str, Any], item: dict[str, Any], vectors: int, excluded: bool, options: SearchOptions
) -> list[str]:
    said = []
    if shown is not item:
        said.append(f"'{shown['id']}' was merged into '{item['id']}', and is found as that item.")
    hidden = sum(image["hidden"] for image in item["images"])
    if not vectors:
        said.append(
            "It has no vector by the embedder in use, so that it cannot be found: add it again with its pictures."
            if not hidden
            else f"All of its {hidden} pictures are hidden by cleaning: 'whatsit catalogue decisions' says why."
        )
    elif hidden:
        said.append(f"{hidden} of its pictures are hidden by cleaning and are not searched.")
    if excluded:
        said.append("The filter 'where' leaves it out.")
    return said


def _of_the_picture(gated: bool) -> list[str]:
    if not gated:
        return []
    return [
        "The gate takes the picture for none of the catalogue's kind, and a server searches nothing: use --no-gate."
    ]


def _of_the_matches(id: str, regions: Sequence[RegionEvidence], answer: Answer, is_answer: bool) -> list[str]:
    best = max(regions, key=lambda one: (one.score or 0.0, -one.region))
    if best.score is None:
        return []
    name = "the whole picture" if best.region == 0 else f"region {best.region} ({best.label})"
    said = [
        f"It is most like {name}, with a score of {best.score:.3f}; {best.nearer or 'no'} items are more alike there."
    ]
    listed = [one for one in regions if one.place is not None]
    if not listed and best.score < MATCH_SCORE:
        said.append(f"A match needs a score of {MATCH_SCORE}: it is listed nowhere.")
    elif not listed:
        said.append("Other items stand before it in every list, or a ranking stage dropped it.")
    if is_answer:
        said.append(f"It is the answer, with a confidence of {answer.confidence:.0%}.")
    elif id in answer.ids:
        said.append(f"It agrees with the answer, '{answer.ids[0]}', which stands before it.")
    elif answer.found:
        gap = (
            f", {best.first_score - best.score:.3f} above it"
            if best.first_score and best.first_score > best.score
            else ""
        )
        lead = f" In that region '{best.first}' is first{gap}." if best.first not in (None, id) else ""
        said.append(f"The answer is '{answer.ids[0] if answer.ids else answer.title}' of region {answer.region}.{lead}")
    else:
        said.append("Nothing in the picture was sure enough for an answer.")
    if reason := getattr(answer, "reason", ""):
        said.append(f"The answer's own reason: {reason}")
    return said
