"""The steps of the ensemble in one process: what ingestion calls, and the ceiling that Triton is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.types import Box

from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.open_runner import open_runner
from whatsit.engines.repository import NETWORKS, default_root, network_file
from whatsit.engines.runtime_target import config_name
from whatsit.serving.request_options import Options
from whatsit.serving.steps.decode import MAX_SIDE, Picture, view
from whatsit.serving.steps.regions import crops, find_regions, is_gated, read_labels
from whatsit.vision.decode import decode_image
from whatsit.vision.regions import Regions


@dataclass(frozen=True)
class Described:
    """What the networks say of one picture.

    Args:
        picture: the decoded picture.
        regions: region 0 is the whole picture.
        embeddings: f32 [N,128], unit length, one per region.
        heads: the classifier's outputs `intent` f32 [3], `source` f32 [3], `topic` f32 [9], `tag` f32 [42].
        gated: whether the picture was taken for nothing that a catalogue holds.
    """

    picture: Picture
    regions: Regions
    embeddings: npt.NDArray[np.float32]
    heads: dict[str, npt.NDArray[np.float32]]
    gated: bool


class Pipeline:
    """The networks of a model repository, loaded once; safe to call from many threads.

    Args:
        model_repository: Triton's folder of models; None for Whatsit's own.
        target: "onnxruntime" (CPU), "tensorrt" (engines on a GPU), or "auto".

    Raises:
        Unavailable: a network or the detector's label file is missing, or there is no GPU for the engines.
        Damaged: a network cannot be loaded.

    Example:
        >>> with Pipeline() as pipeline:  # doctest: +SKIP
        ...     pipeline.describe(Path("photo.jpg").read_bytes()).regions.labels
        ('image', 'carton')
    """

    def __init__(self, model_repository: Path | None = None, target: str = "onnxruntime") -> None:
        repository = model_repository or default_root() / "model_repository"
        self.fingerprint = embedder_fingerprint(network_file(repository, "embedder"))
        self.names = read_labels(repository / "detector" / "labels.txt")
        suffix = ".onnx" if config_name(target, repository) is None else ".plan"
        files = {network: network_file(repository, network).with_suffix(suffix) for network in NETWORKS}
        self._runners = {network: open_runner(file) for network, file in files.items()}

    def describe(self, data: bytes, options: Options | None = None) -> Described:
        """Decode a file, find its regions and embed them.

        Raises:
            InvalidInput: the file is no picture that Whatsit takes, or an option does not fit it.
        """
        options = options or Options()
        picture = view(data, options)
        found = self.run("detector", picture.detector[None])
        heads = {name: scores[0] for name, scores in self.run("classifier", picture.classifier[None]).items()}
        gated = is_gated(heads["intent"], options)
        geometry = (picture.width, picture.height, picture.detector_scale)
        regions = find_regions(
            found["boxes"][0], found["scores"][0], found["labels"][0], self.names, geometry, options, gated=gated
        )
        return Described(picture, regions, self.embed(picture, regions), heads, gated)

    def embed(self, picture: Picture, regions: Regions) -> npt.NDArray[np.float32]:
        """The embeddings of some regions of a picture, f32 [N,128]."""
        cut = crops(picture.pixels, picture.width, regions, whole=picture.classifier)
        embeddings = self.run("embedder", cut)["embedding"]
        return np.asarray(embeddings, dtype=np.float32)

    def embed_item(self, data: bytes) -> list[tuple[Box, npt.NDArray[np.float32]]]:
        """The vectors under which a catalogue picture is found: one, of the whole picture.

        The detector's best box as a second vector was tried: on rendered products it added 1 point of R@1 (within
        noise), on grocery train photos it took 2 (one apple cut out of a picture of three is another item's twin).

        Raises:
            InvalidInput: the file is no picture that Whatsit takes.
        """
        decoded = decode_image(data, max_side=MAX_SIDE)
        regions = Regions.whole(decoded.width, decoded.height)
        found = self.run("embedder", crops(decoded.pixels, decoded.width, regions))["embedding"]
        embeddings = np.asarray(found, dtype=np.float32)
        return [(_box(box), vector) for box, vector in zip(regions.boxes, embeddings, strict=True)]

    def run(self, network: str, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """One network's answer: `detector`, `classifier` or `embedder`, images uint8 [N,3,side,side]."""
        return self._runners[network].run({"images": images})

    def close(self) -> None:
        """Free the networks."""
        for runner in self._runners.values():
            runner.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _box(values: Sequence[float] | npt.NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = (float(value) for value in values)
    return x1, y1, x2, y2
