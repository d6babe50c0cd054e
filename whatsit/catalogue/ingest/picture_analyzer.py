"""Picture analysis with the server's own networks, one function for each step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from whatsit_client.taxonomy import TAGS, TOPICS

from whatsit.catalogue.ingest.picture_analysis import HASH, PictureAnalysis, Step
from whatsit.catalogue.item import Vector
from whatsit.catalogue.store.picture_metadata import Prediction, PrimaryDetection
from whatsit.pipeline.catalogue_views import embed_views
from whatsit.pipeline.decoded_picture import MAX_SIDE, DecodedPicture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions, run_classifier, run_detector
from whatsit.pipeline.region_selection import Detections, RegionLimits, RegionOptions, choose_regions, crop_regions
from whatsit.vision.decode_process import decode_isolated
from whatsit.vision.perceptual_hash import perceptual_hash

# More than a search looks at: each box of a scene may be what somebody asks for. They fill one batch of the embedder;
# half as many find 2 points less of the rooms of ikea's items among the first 20 (perf/results/objects.md).
OBJECT_LIMITS = RegionLimits(cap=33, min_score=0.15)
_DETECTING: frozenset[Step] = frozenset({"detect", "objects"})


class PictureAnalyzer:
    """Analyses catalogue pictures; may be called from many threads.

    Pictures are decoded in processes of their own, so that a library's crash costs one picture, not the ingestion.

    One picture at a time: in batches the networks are no faster on a CPU, and a picture's vector would depend on its
    neighbours in the last bits, so that a resumed ingestion would not give the same catalogue.

    Args:
        model_repository: Triton's folder of models; None for Whatsit's own.
        target: see `Networks`.
        embedder: see `Networks`.

    Raises:
        Unavailable: a network is missing, or there is no GPU for the engines.
        Damaged: a network cannot be loaded.
    """

    def __init__(
        self, model_repository: Path | None = None, target: str = "onnxruntime", embedder: Path | None = None
    ) -> None:
        self._networks = Networks(model_repository, target, embedder)
        self.fingerprint = self._networks.fingerprint

    def __enter__(self) -> PictureAnalyzer:
        return self

    def __exit__(self, *_: object) -> None:
        self._networks.close()

    def __call__(self, data: bytes, steps: frozenset[Step]) -> PictureAnalysis:
        """Decode a picture and run the steps.

        Raises:
            InvalidInput: it is no picture that Whatsit takes.
        """
        decoded = decode_isolated(data, MAX_SIDE)
        picture = DecodedPicture(decoded.pixels, decoded.width, decoded.height)
        found = run_detector(picture, self._networks.detector, self._networks.names) if steps & _DETECTING else None
        views = "views" in steps
        return PictureAnalysis(
            self.embed(picture, views) if "embed" in steps else None,
            {HASH: perceptual_hash(picture.pixels, HASH).tobytes()} if "hash" in steps else {},
            main_detection(picture, found) if found and "detect" in steps else None,
            self.categorise(picture) if "categorise" in steps else None,
            self.embed_objects(picture, found, views) if found and "objects" in steps else None,
        )

    def embed(self, picture: DecodedPicture, views: bool = False) -> tuple[Vector, ...]:
        """Return the vector under which the picture is found: one, of the whole.

        The detector's best box as a second vector was tried: on rendered products it added 1 point of R@1 (within
        noise), on grocery train photos it took 2 (one apple cut out of a picture of three is near to another item).
        """
        (values,) = (embed_views if views else embed_regions)(picture, picture.whole, self._networks.embedder)
        x1, y1, x2, y2 = (float(value) for value in picture.whole.boxes[0])
        return (Vector((x1, y1, x2, y2), values),)

    def embed_objects(self, picture: DecodedPicture, found: Detections, views: bool = False) -> tuple[Vector, ...]:
        """Return a vector of each detected object, best first.

        They are embedded after the whole picture and never in a batch with it, so that its vector is the same with and
        without them.
        """
        regions = choose_regions(
            found, picture.width, picture.height, RegionOptions(), gated=False, limits=OBJECT_LIMITS
        ).objects
        if not len(regions):
            return ()
        vectors = (embed_views if views else embed_regions)(picture, regions, self._networks.embedder)
        return tuple(
            Vector((box[0], box[1], box[2], box[3]), values, float(score))
            for box, score, values in zip(regions.boxes.tolist(), regions.scores, vectors, strict=True)
        )

    def categorise(self, picture: DecodedPicture) -> Prediction:
        """Return the classifier's most likely topic and tag.

        It sees the embedder's crop, which the server makes in the same way for both of them.
        """
        heads = run_classifier(crop_regions(picture, picture.whole)[0], self._networks.classifier)
        topic, tag = (int(np.argmax(heads[name])) for name in ("topic", "tag"))
        return Prediction(TOPICS[topic], float(heads["topic"][topic]), TAGS[tag], float(heads["tag"][tag]))


def main_detection(picture: DecodedPicture, found: Detections) -> PrimaryDetection:
    """Return the region with the highest score that the server would look up."""
    regions = choose_regions(found, picture.width, picture.height, RegionOptions(), gated=False)
    best = 1 + int(np.argmax(regions.scores[1:])) if len(regions) > 1 else 0
    x1, y1, x2, y2 = (float(value) for value in regions.boxes[best])
    return PrimaryDetection((x1, y1, x2, y2), regions.labels[best], float(regions.scores[best]) if best else 0.0)
