"""Pure functions from an encoded picture to its regions and their embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whatsit.pipeline.decoded_picture import DecodedPicture, Pixels, decode_picture
from whatsit.pipeline.networks import Network, Networks
from whatsit.pipeline.region_selection import (
    DEFAULT_LIMITS,
    Detections,
    RegionLimits,
    RegionOptions,
    check_boxes,
    choose_regions,
    crop_regions,
    is_gated,
)
from whatsit.vision.boxes import FloatArray
from whatsit.vision.regions import Regions

Heads = Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False)
class PictureRegions:
    """The regions of one picture.

    Args:
        picture: the decoded picture.
        regions: region 0 is the whole picture.
        heads: the classifier's outputs `intent` f32 [3], `source` f32 [3], `topic` f32 [9], `tag` f32 [42]; empty where
            it did not run.
        gated: whether the picture shows nothing that a catalogue holds; False without heads.
    """

    picture: DecodedPicture
    regions: Regions
    heads: Heads
    gated: bool


@dataclass(frozen=True, eq=False)
class PictureDescription(PictureRegions):
    """The networks' results on one picture.

    Args:
        embeddings: f32 [N,128], unit length, one per region.
    """

    embeddings: FloatArray


def run_detector(picture: DecodedPicture, detector: Network, names: Sequence[str]) -> Detections:
    """Run the detector on a picture; boxes in pixels of the full picture.

    Args:
        picture: the picture.
        detector: the network.
        names: its labels, the class-free one first.
    """
    found = detector(picture.detector_image[None])
    boxes, scores, labels = (found[name][0] for name in ("boxes", "scores", "labels"))
    return Detections(boxes / picture.detector_scale, scores, labels, names)


def run_classifier(crop: Pixels, classifier: Network) -> Heads:
    """Run the classifier on uint8 [3,224,224]; the probabilities of each head."""
    return {name: scores[0] for name, scores in classifier(crop[None]).items()}


def find_regions(
    picture: DecodedPicture,
    detections: Detections,
    heads: Heads,
    options: RegionOptions,
    limits: RegionLimits = DEFAULT_LIMITS,
) -> PictureRegions:
    """Choose the regions of a picture from the networks' outputs.

    Args:
        picture: the picture.
        detections: the detector's boxes.
        heads: the classifier's outputs; empty leaves the gate open.
        options: the caller's.
        limits: the server's.
    """
    gated = "intent" in heads and is_gated(heads["intent"], options)
    regions = choose_regions(detections, picture.width, picture.height, options, gated=gated, limits=limits)
    return PictureRegions(picture, regions, heads, gated)


def embed_regions(picture: DecodedPicture, regions: Regions, embedder: Network) -> FloatArray:
    """Return the embeddings of regions of a picture, f32 [N,128], unit length."""
    embeddings: npt.NDArray[np.float32] = embedder(crop_regions(picture, regions))["embedding"]
    return np.asarray(embeddings, dtype=np.float32)


def describe(data: bytes, options: RegionOptions, networks: Networks) -> PictureDescription:
    """Decode a file, choose its regions and embed them.

    Raises:
        InvalidInput: the file is no picture that Whatsit takes, or a box of the options lies outside it.
    """
    picture = decode_picture(data)
    check_boxes(options.boxes, picture.width, picture.height)
    detections = run_detector(picture, networks.detector, networks.names)
    found = find_regions(picture, detections, run_classifier(picture.whole_crop, networks.classifier), options)
    embeddings = embed_regions(picture, found.regions, networks.embedder)
    return PictureDescription(picture, found.regions, found.heads, found.gated, embeddings)
