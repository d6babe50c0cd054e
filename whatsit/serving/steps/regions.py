"""Step `regions`: from the networks' outputs to regions and their crops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whatsit.pipeline.decoded_picture import DecodedPicture
from whatsit.pipeline.networks import read_labels
from whatsit.pipeline.picture_description import Heads, PictureRegions, find_regions
from whatsit.pipeline.region_selection import Detections, RegionLimits, crop_regions, local_features, patches
from whatsit.ranking.stages import AUTO, DEFAULT_STAGES, stage_names
from whatsit.serving.metrics.definitions import REGIONS
from whatsit.serving.request_options import Options
from whatsit.serving.step_tensors import (
    NO_LOCAL_ROWS,
    NO_PRINT,
    LocalRows,
    pack_local_rows,
    pack_patches,
    region_tensors,
)
from whatsit.serving.triton_step import Outputs, Tensors
from whatsit.serving.word_catalogues import WordCatalogues
from whatsit.vision.regions import MAX_REGIONS, MIN_SCORE

HEADS = ("intent", "source", "topic", "tag")


class RegionFinder:
    """Detections and scores of a picture -> its regions, and the tensors about them.

    LOCAL is filled only where a ranking stage of the call, or else of the server, compares local features: with them
    where the stage is named, with the pixels that they may be taken from where it is left to `auto`. PRINT (the
    picture's pixels) is filled only where a stage may read words.

    Args:
        parameters: of the model: `cap`, `min_score`, `stages` (those of the retrieval, which must be the same).
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        cap, min_score = int(parameters.get("cap", MAX_REGIONS)), float(parameters.get("min_score", MIN_SCORE))
        self._limits = RegionLimits(cap, min_score)
        self._stages = parameters.get("stages", DEFAULT_STAGES)
        self._has_words = WordCatalogues()

    def __call__(
        self, picture: DecodedPicture, detections: Detections, heads: Heads, options: Options, wanted: frozenset[str]
    ) -> tuple[PictureRegions, Outputs]:
        """Choose the regions."""
        found = find_regions(picture, detections, heads, options, self._limits)
        REGIONS.observe(len(found.regions))
        outputs = region_tensors(found)
        if "LOCAL" in wanted:
            outputs["LOCAL"] = NO_LOCAL_ROWS if found.gated else self._local(found, options)
        if "PRINT" in wanted:
            reads = options.read != "off" or "read" in self._named(options)
            outputs["PRINT"] = picture.pixels if reads and not found.gated else NO_PRINT
        return found, outputs

    def _local(self, found: PictureRegions, options: Options) -> LocalRows:
        """Return what the stages of a call need of the regions' pixels."""
        stages = self._named(options)
        if "geometry" in stages:
            return pack_local_rows(local_features(found.picture, found.regions))
        if AUTO in stages and self._has_words(options.catalogue):
            return pack_patches(patches(found.picture, found.regions))
        return NO_LOCAL_ROWS

    def _named(self, options: Options) -> tuple[str, ...]:
        """Return the ranking stages of a call."""
        return stage_names(self._stages if options.rerank is None else options.rerank)


class FindRegions:
    """Step `regions`: pixels and network outputs -> CROPS, LOCAL, BOXES, scores.

    Model parameters: `labels` (the label file, relative to the model folder) and those of `RegionFinder`.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._names = read_labels(Path(parameters["model_directory"], parameters["labels"]))
        self._find = RegionFinder(parameters)

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> Outputs:
        """Answer one request."""
        width, height, scale = (float(value) for value in inputs["GEOMETRY"])
        crop = inputs["CLASSIFIER_IMAGE"][0] if "CLASSIFIER_IMAGE" in inputs else None
        picture = DecodedPicture(inputs["PIXELS"], int(width), int(height), crop)
        boxes, scores, labels = (inputs[f"DETECTOR_{name}"][0] for name in ("BOXES", "SCORES", "LABELS"))
        names = HEADS if "INTENT_IN" in inputs else ()  # without it there is no gate and no score is returned
        heads = {head: inputs[f"{head.upper()}_IN"][0] for head in names if f"{head.upper()}_IN" in inputs}
        detections = Detections(boxes / scale, scores, labels, self._names)
        found, outputs = self._find(picture, detections, heads, options, wanted)
        return {**outputs, "CROPS": crop_regions(picture, found.regions)} if "CROPS" in wanted else outputs
