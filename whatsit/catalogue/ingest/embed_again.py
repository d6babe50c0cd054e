"""Embedding of the regions of known vectors by another network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import Vector
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.open_runner import open_runner
from whatsit.pipeline.catalogue_views import embed_views
from whatsit.pipeline.decoded_picture import MAX_SIDE, DecodedPicture
from whatsit.pipeline.picture_description import embed_regions
from whatsit.vision.decode_process import decode_isolated
from whatsit.vision.regions import Regions


class RegionEmbedder:
    """Embeds what another embedder's vectors are of; safe to call from many threads.

    The vectors are those that an ingestion with this network would write: the whole picture alone, and its objects in
    one batch.

    Args:
        network: the embedder's ONNX file.
        views: embed several views of each region, where the catalogue does so.

    Raises:
        Damaged: it cannot be loaded.
    """

    def __init__(self, network: Path, views: bool = False) -> None:
        self.fingerprint = embedder_fingerprint(network)
        self._runner = open_runner(network)
        self._embed_regions = embed_views if views else embed_regions

    def __call__(self, data: bytes, known: Sequence[Vector]) -> tuple[Vector, ...]:
        """Return a vector of the region of each known one, in their order.

        Args:
            data: the encoded picture.
            known: vectors of its regions.

        Raises:
            InvalidInput: it is no picture that Whatsit takes.
        """
        decoded = decode_isolated(data, MAX_SIDE)
        picture = DecodedPicture(decoded.pixels, decoded.width, decoded.height)
        places = [place for place, vector in enumerate(known) if vector.score is not None]
        wholes = [place for place, vector in enumerate(known) if vector.score is None]
        groups = [[place] for place in wholes] + ([places] if places else [])
        found: dict[int, Vector] = {}
        for group in groups:
            boxes = np.array([known[place].box for place in group], dtype=np.float32)
            regions = Regions(boxes, np.ones(len(group), dtype=np.float32), ("",) * len(group))
            for place, values in zip(group, self._embed_regions(picture, regions, self._embed), strict=True):
                found[place] = Vector(known[place].box, values, known[place].score)
        return tuple(found[place] for place in range(len(known)))

    def close(self) -> None:
        """Free the network."""
        self._runner.close()

    def _embed(self, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        return self._runner.run({"images": images})


def check_exchangeable(network: Path, old: Path) -> None:
    """Refuse a network that cannot take the place of an embedder.

    Raises:
        InvalidInput: its inputs or outputs are others.
        Damaged: it cannot be loaded.
    """
    with open_runner(network) as new, open_runner(old) as now:
        for what, ours, theirs in (("inputs", new.inputs, now.inputs), ("outputs", new.outputs, now.outputs)):
            if [str(one) for one in ours] != [str(one) for one in theirs]:
                raise InvalidInput(
                    f"The {what} of {network} are {', '.join(map(str, ours))} and those of the embedder in use are "
                    f"{', '.join(map(str, theirs))}: a roll-out exchanges networks of the same form."
                )
