"""Step `regions`: from the networks' outputs to regions and their crops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from whatsit_client.taxonomy import INTENTS

from whatsit.pipeline.decoded_picture import DecodedPicture
from whatsit.pipeline.networks import read_labels
from whatsit.pipeline.picture_description import Heads
from whatsit.pipeline.region_selection import (
    Detections,
    RegionLimits,
    area_shares,
    choose_regions,
    crop_regions,
    is_gated,
    local_features,
)
from whatsit.ranking.stages import DEFAULT_STAGES, stage_names
from whatsit.serving.local_rows import NO_LOCAL_ROWS, pack_local_rows
from whatsit.serving.metrics.definitions import REGIONS
from whatsit.serving.request_options import Options
from whatsit.serving.triton_step import Outputs, Tensors, text_tensor
from whatsit.vision.regions import MAX_REGIONS, MIN_SCORE, Regions

HEADS = ("intent", "source", "topic", "tag")


class RegionOutputs:
    """Detections and scores of a picture -> its regions, and the tensors about them.

    Args:
        parameters: of the model: `cap`, `min_score`, `stages` (those of the retrieval, which must be the same).
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._limits = RegionLimits(
            int(parameters.get("cap", MAX_REGIONS)), float(parameters.get("min_score", MIN_SCORE))
        )
        self._stages = parameters.get("stages", DEFAULT_STAGES)

    def __call__(
        self, picture: DecodedPicture, found: Detections, heads: Heads, options: Options, wanted: frozenset[str]
    ) -> tuple[Regions, Outputs]:
        """Choose the regions.

        LOCAL is filled only where a stage of the call, or else of the server, compares prints.
        """
        gated = "intent" in heads and is_gated(heads["intent"], options)
        regions = choose_regions(found, picture.width, picture.height, options, gated=gated, limits=self._limits)
        REGIONS.observe(len(regions))
        outputs: Outputs = {
            **{f"{head.upper()}_SCORES": scores for head, scores in heads.items()},
            "GATED": np.array([gated]),
            "AREAS": area_shares(regions, picture.width, picture.height),
            "SCORES": regions.scores,
            "BOXES": regions.boxes,
            "BOX_SCORES": regions.scores,
            "BOX_LABELS": text_tensor(regions.labels),
        }
        if "intent" in heads:
            outputs["INTENT"] = text_tensor([INTENTS[int(np.argmax(heads["intent"]))]])
        if "LOCAL" in wanted:
            compares = "geometry" in stage_names(self._stages if options.rerank is None else options.rerank)
            taken = compares and not gated
            outputs["LOCAL"] = pack_local_rows(local_features(picture, regions)) if taken else NO_LOCAL_ROWS
        return regions, outputs


class FindRegions:
    """Step `regions`: pixels and network outputs -> CROPS, LOCAL, BOXES, scores.

    Model parameters: `labels` (the label file, relative to the model folder) and those of `RegionOutputs`.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._names = read_labels(Path(parameters["model_directory"], parameters["labels"]))
        self._region_outputs = RegionOutputs(parameters)

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> Outputs:
        """Answer one request."""
        width, height, scale = (float(value) for value in inputs["GEOMETRY"])
        crop = inputs["CLASSIFIER_IMAGE"][0] if "CLASSIFIER_IMAGE" in inputs else None
        picture = DecodedPicture(inputs["PIXELS"], int(width), int(height), crop)
        boxes, scores, labels = (inputs[f"DETECTOR_{name}"][0] for name in ("BOXES", "SCORES", "LABELS"))
        found = Detections(boxes / scale, scores, labels, self._names)
        given = HEADS if "INTENT_IN" in inputs else ()  # without it there is no gate and no score is returned
        heads = {head: inputs[f"{head.upper()}_IN"][0] for head in given if f"{head.upper()}_IN" in inputs}
        regions, outputs = self._region_outputs(picture, found, heads, options, wanted)
        return {**outputs, "CROPS": crop_regions(picture, regions)} if "CROPS" in wanted else outputs
