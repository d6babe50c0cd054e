"""Identification in this process, as a server would do it.

Calibration, training and evaluation of ranking share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.types import Box

from whatsit.index.shard import Numbers
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import describe
from whatsit.pipeline.region_selection import LOCAL_REGIONS, RegionOptions, area_shares, patches
from whatsit.ranking.answer_model import AnswerModel
from whatsit.ranking.learned import Learned
from whatsit.ranking.matches import Floats, Matches
from whatsit.ranking.score import MATCH_SCORE
from whatsit.search.lookup import RegionFeatures
from whatsit.search.retriever import NEIGHBOURS, Retrieved, Retriever
from whatsit.search.search_options import SearchOptions
from whatsit.vision.local_features import LocalFeatures, Patch

MAX_SCORE = 4.0  # print may add to a score beyond the scale of scores


@dataclass(frozen=True, eq=False)
class PhotoFeatures:
    """Outputs of the networks for one photo.

    Args:
        embeddings: f32 [N,D].
        areas: f32 [N].
        regions: what else is known of each region.
        boxes: x1, y1, x2, y2 of each region in pixels of the upright picture.
        gated: whether the photo shows nothing that a catalogue holds, and the gate was to be closed then.
    """

    embeddings: Floats
    areas: Floats
    regions: Sequence[RegionFeatures]
    boxes: tuple[Box, ...] = ()
    gated: bool = False


class OfflineIdentifier:
    """The networks and one published catalogue.

    Args:
        folder: the catalogue's.
        networks: the networks.
        min_score: matches below are dropped; the server's default unless given.
        answer_model: of the probability of an answer; None for that of the package.
        calibrated: whether the catalogue's own calibration counts.

    Raises:
        WhatsitError: nothing is published, or it is damaged or made by another embedder.
    """

    def __init__(
        self,
        folder: Path,
        networks: Networks,
        min_score: float = MATCH_SCORE,
        answer_model: AnswerModel | None = None,
        calibrated: bool = True,
    ) -> None:
        self._networks = networks
        self.retriever = Retriever(folder, networks.fingerprint, min_score, answer_model, calibrated=calibrated)

    def extract(self, data: bytes, box: Box | None = None, local: bool = True, gate: bool = False) -> PhotoFeatures:
        """Run the networks.

        Args:
            data: the encoded photo.
            box: where the thing is, instead of the detector's boxes.
            local: take local features too.
            gate: close the gate as a server does; it stays open unless asked.

        Raises:
            InvalidInput: the file is no picture that Whatsit takes, or the box lies outside it.
        """
        options = RegionOptions(None if box is None else (box,), gate=gate)
        described = describe(data, options, self._networks)
        picture, regions = described.picture, described.regions
        areas = area_shares(regions, picture.width, picture.height)
        cut: list[Patch | None] = [None] * len(regions)
        features = [LocalFeatures.none()] * len(regions)
        if local:
            cut[:LOCAL_REGIONS] = patches(picture, regions)
            features = [LocalFeatures.none() if patch is None else patch.features() for patch in cut]
        known = [
            RegionFeatures(one, float(area), float(score), patch)
            for one, area, score, patch in zip(features, areas, regions.scores, cut, strict=True)
        ]
        boxes = tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in regions.boxes.tolist())
        return PhotoFeatures(described.embeddings, areas, known, boxes, described.gated)

    def matches(self, photo: PhotoFeatures, stages: str, allowed: Numbers | None = None) -> tuple[Matches, ...]:
        """Return the matches of each region after these stages.

        Only items in `allowed` count, where it is given.
        """
        return self.retrieve(photo, stages, allowed).regions

    def retrieve(self, photo: PhotoFeatures, stages: str | None, allowed: Numbers | None = None) -> Retrieved:
        """Return what `identify` would find; stages None are the server's default."""
        options = SearchOptions(top_k=NEIGHBOURS, rerank=stages)
        return self.retriever(photo.embeddings, photo.areas, options, photo.regions, allowed)

    def best(self, photo: PhotoFeatures, stages: str, allowed: Numbers | None = None) -> Mapping[int, float]:
        """Return each item's highest probability, or else score, in any region."""
        return best_values(self.matches(photo, stages, allowed))

    def apply_ranker(self, regions: Sequence[Matches]) -> tuple[Matches, ...]:
        """Apply the stage `learned` to the matches of other stages.

        Raises:
            InvalidInput: the catalogue has no trained ranker.
        """
        learned = Learned(self.retriever.ranker)
        return tuple(learned(matches) for matches in regions)


def best_values(regions: Sequence[Matches]) -> Mapping[int, float]:
    """Return each item's highest probability, or else score, in any region."""
    found: dict[int, float] = {}
    for matches in regions:
        values: npt.NDArray[np.float32] = matches.rerank_scores if matches.confidences is None else matches.confidences
        for number, value in zip(matches.numbers.tolist(), values.tolist(), strict=True):
            found[number] = max(min(value, MAX_SCORE), found.get(number, 0.0))
    return found
