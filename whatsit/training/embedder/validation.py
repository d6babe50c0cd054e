"""Validation of the embedder on the built-in data sets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from whatsit.evaluation.datasets.rendered_shop import RenderedShop
from whatsit.evaluation.metrics.recall import recall_at_k
from whatsit.models.embedder import CROP_SIZE, Embedder
from whatsit.training.embedder.augment import Image
from whatsit.training.embedder.data import GroceryParts
from whatsit.training.embedder.embed_batch import vectors_of
from whatsit.training.embedder.picture_sources import PictureSource
from whatsit.vision.crop import crop_resize

_SHOP_SEED = 500


class EmbedderValidation:
    """Recall of grocery photos to shop images and of rendered scenes.

    Neither the photos nor the shop (seed 500) are trained on, and neither is what the final figures are reported on,
    but for the val photos, which are only shown.
    """

    def __init__(self, parts: GroceryParts, rendered: bool) -> None:
        self._parts, self._with_rendered = parts, rendered

    def measure(self, network: Embedder) -> dict[str, float]:
        """Return `<set>_r1` and `<set>_r5` of each set of photos, and `rendered_r1`."""
        gallery, labels = self._parts.shop, self._parts.shop.labels
        shop = vectors_of(network, _plain(gallery))
        measured = {}
        for name, photos in self._parts.measured().items():
            among = np.isin(labels, photos.labels) if name == "unseen" else np.ones(len(labels), bool)
            recall = recall_at_k(vectors_of(network, _plain(photos)), shop[among], photos.labels, labels[among])
            measured.update({f"{name}_r{k}": value for k, value in recall.items()})
        if self._with_rendered:
            crops, pictures, truth = self._rendered
            vectors = vectors_of(network, crops), vectors_of(network, pictures)
            measured["rendered_r1"] = recall_at_k(*vectors, truth, range(len(pictures)), ks=(1,))[1]
        return measured

    @cached_property
    def _rendered(self) -> tuple[list[Image], list[Image], list[int]]:
        shop = RenderedShop(products=150, seed=_SHOP_SEED, scenes=40)
        shop.check()
        crops = [crop_resize(image, box, CROP_SIZE) for image, box in shop.queries()]
        return crops, [crop_resize(image, size=CROP_SIZE) for image in shop.gallery()], shop.truth()


def _plain(source: PictureSource) -> Iterable[Image]:
    return (source.plain(index, CROP_SIZE) for index in range(len(source.labels)))
