"""What the visually similar results of a crop are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from whatsit.catalogue.crops.cropped_pictures import CroppedPicture
from whatsit.catalogue.crops.weak_boxes import Annotations
from whatsit.catalogue.review.photo_candidates import Floats, NearestItems
from whatsit.catalogue.store.store import Store

LIKE = 0.4
"""Cosine from which a result says anything of a crop."""
CHOSEN = 3.0
"""What an item counts that a person chose, beside the results of a crop, which count 1 together at most."""


class CropAnnotator:
    """Adds up the categories and ids of the results of crops.

    Args:
        store: the catalogue.
        fingerprint: of the embedder.
        vectors: click -> vector of its region.
    """

    def __init__(self, store: Store, fingerprint: str, vectors: Mapping[int, Floats]) -> None:
        self._nearest, self._vectors = NearestItems(store, fingerprint), vectors
        with store.snapshot() as connection:
            self._categories = {
                id: category for id, category in connection.execute("SELECT id, category FROM items") if category
            }

    def annotate(self, picture: CroppedPicture) -> list[Annotations]:
        """Return what the results of each crop of a picture say."""
        found = []
        for crop in picture.crops:
            if crop.item:
                found.append(self._named({crop.item: CHOSEN}))
            elif crop.kind == "crop" and crop.click in self._vectors:
                results = self._nearest(self._vectors[crop.click])
                found.append(self._named(votes((one["id"], one["score"]) for one in results)))
            else:  # "none" denies what was shown, and its region may still be cropped well
                found.append(Annotations())
        return found

    def _named(self, items: Mapping[str, float]) -> Annotations:
        names: dict[str, float] = {}
        for id, weight in items.items():
            if id in self._categories:
                names[self._categories[id]] = names.get(self._categories[id], 0.0) + weight
        return Annotations(names, items)


def votes(results: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return how much each result of a crop counts.

    A result counts the square of what its cosine exceeds 0.4 by; together they count their largest such excess, so that
    a crop which is like nothing says little.

    Args:
        results: name and cosine of each.
    """
    excess = [(name, max(0.0, cosine - LIKE) / (1 - LIKE)) for name, cosine in results]
    squares = sum(value**2 for _, value in excess)
    if not squares:
        return {}
    largest = max(value for _, value in excess)
    found: dict[str, float] = {}
    for name, value in excess:
        if value:
            found[name] = found.get(name, 0.0) + largest * value**2 / squares
    return found
