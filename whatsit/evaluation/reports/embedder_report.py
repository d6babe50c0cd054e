"""Recall of the embedder on groceries, garments and rendered products."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whatsit.evaluation.datasets.clothing import Clothing
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.evaluation.datasets.rendered_shop import RenderedShop
from whatsit.evaluation.datasets.same_item import SameItem
from whatsit.evaluation.metrics.recall import Vectors, recall_at_k
from whatsit.evaluation.reports.confusions import draw_confusions, hardest_confusions
from whatsit.vision.crop import crop_resize
from whatsit.vision.decode import decode_image

Image = npt.NDArray[np.uint8]
Embed = Callable[[Image], Vectors]
"""Maps crops uint8 [n, 3, 224, 224] to vectors f32 [n, d]."""
Track = Callable[[Iterable[Image], int, str], Iterable[Image]]


@dataclass(frozen=True)
class RecallRow:
    """Recall of one set of queries in one gallery."""

    measure: str
    queries: int
    gallery: int
    recall_at_1: float
    recall_at_5: float


@dataclass(frozen=True)
class _Queries:
    """Queries with their labels, pictures and the names of all labels."""

    vectors: Vectors
    labels: Sequence[int] | npt.NDArray[np.int64]
    pictures: Sequence[Path]
    names: Sequence[str]


class EmbedderReport:
    """Recall of one network on all data sets; `track` may show progress.

    Args:
        embed: the network.
        track: takes the pictures, their number and what they are, and yields them.
        sheets: folder for PNGs of the hardest confusions; None draws none.
    """

    def __init__(
        self, embed: Embed, track: Track = lambda pictures, count, name: pictures, sheets: Path | None = None
    ) -> None:
        self._embed, self._track, self._sheets = embed, track, sheets

    def grocery(self, store: GroceryStore) -> list[RecallRow]:
        """Measure val photos against shop images, and with train photos in the gallery."""
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
        images, names = [c.image for c in store.gallery()], [c.name for c in store.gallery()]
        query_set = _Queries(val, labels, store.queries(), names)
        self._draw("grocery-val-to-shop", query_set, shop, range(len(shop)), images)
        self._draw("grocery-val-to-train", query_set, gallery, known, [*store.queries("train"), *images])
        return [*rows, _row("grocery val -> train + shop", val, gallery, labels, known)]

    def clothing(self, clothing: Clothing) -> list[RecallRow]:
        """Measure garments of the same class, then the same garment photographed."""
        clothing.check()
        same = SameItem(clothing)
        queries = self._files(clothing.queries(), "clothing validation")
        gallery = self._files(clothing.gallery(), "clothing train")
        shots = same.queries()
        photographs = self._pictures((crop_resize(p, box) for p, box in shots), len(shots), "photographs of garments")
        labels, known, names = clothing.truth(), clothing.gallery_truth(), clothing.classes
        query_set = _Queries(queries, labels, clothing.queries(), names)
        self._draw("clothing-class", query_set, gallery, known, clothing.gallery())
        items = np.concatenate([queries, gallery])
        return [
            _row("clothing val -> train, class", queries, gallery, labels, known),
            _row("clothing photograph -> same item", photographs, items, same.truth(), range(len(items))),
        ]

    def rendered(self, shop: RenderedShop) -> list[RecallRow]:
        """Measure scene crops against catalogue pictures of a shop never trained on."""
        shop.check()
        pictures, crops = shop.gallery(), shop.queries()
        gallery = self._pictures((crop_resize(p) for p in pictures), len(pictures), "rendered catalogue")
        queries = self._pictures((crop_resize(p, box) for p, box in crops), len(crops), "rendered crops")
        return [
            _row(f"rendered shop {shop.seed}: crops -> pictures", queries, gallery, shop.truth(), range(len(gallery)))
        ]

    def _draw(
        self, name: str, query_set: _Queries, gallery: Vectors, known: Sequence[int], pictures: Sequence[Path]
    ) -> None:
        if self._sheets is not None:
            hardest = hardest_confusions(query_set.vectors, gallery, query_set.labels, known)
            captions = [query_set.names[k] for k in query_set.labels], [query_set.names[k] for k in known]
            draw_confusions(hardest, query_set.pictures, pictures, captions, self._sheets / f"{name}.png")

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
