"""The steps of ingestion that look into a picture, with the server's own networks; one function each."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from whatsit_client.taxonomy import TAGS, TOPICS

from whatsit.catalogue.ingest.picture_analysis import HASH, Seen, Step
from whatsit.catalogue.item import Vector
from whatsit.catalogue.store.picture_metadata import MainThing, Prediction
from whatsit.pipeline.describe import Pipeline
from whatsit.serving.request_options import Options
from whatsit.serving.steps.decode import DETECTOR_SIDE, MAX_SIDE
from whatsit.serving.steps.regions import crops, find_regions
from whatsit.vision.decode import Decoded, decode_image
from whatsit.vision.letterbox import letterbox
from whatsit.vision.perceptual_hash import perceptual_hash
from whatsit.vision.regions import Regions

Crop = npt.NDArray[np.uint8]


class ItemLook:
    """Looks into catalogue pictures; may be called from many threads.

    One picture at a time: in batches the networks are no faster on a CPU, and a picture's vector would depend on its
    neighbours in the last bits, so that a resumed ingestion would not give the same catalogue.

    Args:
        model_repository: Triton's folder of models; None for Whatsit's own.
        target: see `Pipeline`.

    Raises:
        Unavailable: a network is missing, or there is no GPU for the engines.
        Damaged: a network cannot be loaded.
    """

    def __init__(self, model_repository: Path | None = None, target: str = "onnxruntime") -> None:
        self._pipeline = Pipeline(model_repository, target)
        self.fingerprint = self._pipeline.fingerprint

    def __enter__(self) -> ItemLook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipeline.close()

    def __call__(self, data: bytes, steps: frozenset[Step]) -> Seen:
        """Decode a picture and take the steps.

        Raises:
            InvalidInput: it is no picture that Whatsit takes.
        """
        decoded = decode_image(data, max_side=MAX_SIDE)
        whole = Regions.whole(decoded.width, decoded.height)
        crop = crops(decoded.pixels, decoded.width, whole) if steps & {"embed", "categorise"} else None
        return Seen(
            self.embed(crop, whole) if "embed" in steps and crop is not None else None,
            hashes(decoded) if "hash" in steps else {},
            self.detect(decoded) if "detect" in steps else None,
            self.categorise(crop) if "categorise" in steps and crop is not None else None,
        )

    def embed(self, crop: Crop, whole: Regions) -> tuple[Vector, ...]:
        """The vector under which the picture is found: one, of the whole; `Pipeline.embed_item` says why."""
        x1, y1, x2, y2 = (float(value) for value in whole.boxes[0])
        values = np.asarray(self._pipeline.run("embedder", crop)["embedding"][0], dtype=np.float32)
        return (Vector((x1, y1, x2, y2), values),)

    def detect(self, decoded: Decoded) -> MainThing:
        """The most certain of the regions that the server would look up in the picture."""
        image, scale = letterbox(decoded.pixels, DETECTOR_SIDE)
        found = self._pipeline.run("detector", image[None])
        geometry = (decoded.width, decoded.height, scale * decoded.scale)
        boxes, scores, labels = (found[name][0] for name in ("boxes", "scores", "labels"))
        regions = find_regions(boxes, scores, labels, self._pipeline.names, geometry, Options(), gated=False)
        best = 1 + int(np.argmax(regions.scores[1:])) if len(regions) > 1 else 0
        x1, y1, x2, y2 = (float(value) for value in regions.boxes[best])
        return MainThing((x1, y1, x2, y2), regions.labels[best], float(regions.scores[best]) if best else 0.0)

    def categorise(self, crop: Crop) -> Prediction:
        """What the classifier takes the picture for: the likeliest of all topics, and of all tags.

        It sees the embedder's crop, which the server makes in the same way for both of them.
        """
        heads = self._pipeline.run("classifier", crop)
        topic, tag = (int(np.argmax(heads[name][0])) for name in ("topic", "tag"))
        return Prediction(TOPICS[topic], float(heads["topic"][0][topic]), TAGS[tag], float(heads["tag"][0][tag]))


def hashes(decoded: Decoded) -> dict[str, bytes]:
    """The perceptual hash that is kept of every picture."""
    return {HASH: perceptual_hash(decoded.pixels, HASH).tobytes()}
