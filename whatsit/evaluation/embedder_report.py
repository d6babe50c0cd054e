"""The embedder's figures: real groceries, garments and invented products, as a list of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whatsit.evaluation.clothing import Clothing
from whatsit.evaluation.grocery import GroceryStore
from whatsit.evaluation.rendered_shop import RenderedShop
from whatsit.evaluation.retrieval import Vectors, recall_at_k
from whatsit.vision.crop import crop_resize
from whatsit.vision.decode import decode_image

Image = npt.NDArray[np.uint8]
Embed = Callable[[Image], Vectors]
"""Maps crops uint8 [n, 3, 224, 224] to vectors f32 [n, d]."""
Track = Callable[[Iterable[Image], int, str], Iterable[Image]]


@dataclass(frozen=True)
class RecallRow:
    """One measure: what was looked up where, and how often the right thing was first, or among the first five."""

    measure: str
    queries: int
    gallery: int
    recall_at_1: float
    recall_at_5: float


class EmbedderReport:
    """Measures one network on all data sets; `track` may show progress over the pictures of each set.

    Args:
        embed: the network.
        track: takes the pictures, their number and what they are, and yields them.
    """

    def __init__(self, embed: Embed, track: Track = lambda pictures, count, name: pictures) -> None:
        self._embed, self._track = embed, track

    def grocery(self, store: GroceryStore) -> list[RecallRow]:
        """Val photos to the 81 shop images (all, then by department), and to train photos and shop images together."""
        store.check()
        shop = self._files([c.image for c in store.gallery()], "shop images")
        val, labels = self._files(store.queries(), "grocery val"), np.array(store.truth())
        packaged = np.array([store.classes[label].department == "Packages" for label in labels])
        everything = np.ones(len(labels), bool)
        rows = [
            _row(f"grocery val -> shop images{part}", val[chosen], shop, labels[chosen], range(len(shop)))
            for part, chosen in (("", everything), (", fruit and vegetables", ~packaged), (", packages", packaged))
        ]
        gallery = np.concatenate([self._files(store.queries("train"), "grocery train"), shop])
        known = [*store.truth("train"), *range(len(shop))]
        return [*rows, _row("grocery val -> train + shop", val, gallery, labels, known)]

    def clothing(self, clothing: Clothing) -> list[RecallRow]:
        """Validation photos to train photos; a hit is a garment of the same class."""
        clothing.check()
        queries = self._files(clothing.queries(), "clothing validation")
        gallery = self._files(clothing.gallery(), "clothing train")
        return [_row("clothing val -> train, class", queries, gallery, clothing.truth(), clothing.gallery_truth())]

    def rendered(self, shop: RenderedShop) -> list[RecallRow]:
        """Crops of drawn scenes to the catalogue pictures of a shop that was never trained on."""
        shop.check()
        pictures, crops = shop.gallery(), shop.queries()
        gallery = self._pictures((crop_resize(p) for p in pictures), len(pictures), "rendered catalogue")
        queries = self._pictures((crop_resize(p, box) for p, box in crops), len(crops), "rendered crops")
        return [
            _row(f"rendered shop {shop.seed}: crops -> pictures", queries, gallery, shop.truth(), range(len(gallery)))
        ]

    def _files(self, files: Sequence[Path], name: str) -> Vectors:
        return self._pictures((crop_resize(decode_image(f.read_bytes()).pixels) for f in files), len(files), name)

    def _pictures(self, pictures: Iterable[Image], count: int, name: str) -> Vectors:
        return np.concatenate([self._embed(picture[None]) for picture in self._track(pictures, count, name)])


def _row(
    measure: str,
    queries: Vectors,
    gallery: Vectors,
    labels: Sequence[int] | npt.NDArray[np.int64],
    known: Sequence[int],
) -> RecallRow:
    recall = recall_at_k(queries, gallery, labels, known)
    return RecallRow(measure, len(queries), len(gallery), recall[1], recall[5])
