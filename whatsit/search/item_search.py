"""Search by an item: items like it, and pictures in which it appears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.item import Picture
from whatsit.catalogue.protocols import CatalogueStore, IndexView
from whatsit.catalogue.store.object_table import PlacedVectors
from whatsit.catalogue.store.store import Store
from whatsit.index.index_kind import Numbers
from whatsit.vision.perceptual_hash import hamming

MAX_PAGE = 100
MAX_OFFSET = 1_000
# A picture of a single object is a picture of its item; a scene shows several.
SCENE_OBJECTS = 2
# An object that fills more of a picture is its subject, and the picture one of another item.
SCENE_SHARE = 0.6
# Items are read again with exact vectors, and by objects: the index gives so many for each one that is asked for.
_SPARE = 4
_FEWEST = 60
# Two pictures are one if few of 64 bits of their hashes differ and their vectors are this near: variants in another
# colour have equal hashes and farther vectors.
_DUPLICATE_BITS = 4
_DUPLICATE_SCORE = 1.85
_HASH = "dhash"
# Weight of the nearness to all of the catalogue, and changes after which its mean is taken anew. The weight was chosen
# on one half of ikea's items (perf/results/objects.md).
_COMMON = 0.7
_MEAN_CHANGES = 1_000

Floats = npt.NDArray[np.float32]
Record = dict[str, Any]


@dataclass(frozen=True)
class SimilarItem:
    """An item whose pictures resemble those of another.

    Args:
        item: its record.
        score: 2 - distance of the two nearest pictures, 0..2.
    """

    item: Record
    score: float

    def to_record(self) -> Record:
        """Return the item as a JSON object."""
        return {"item": self.item, "score": self.score}


@dataclass(frozen=True)
class SceneMatch:
    """A place in a catalogue picture that shows an item.

    Args:
        item: record of the item as which the picture is found.
        owner: id of the item that the picture belongs to; another one where items were merged.
        picture: its position among the owner's pictures, 0 for the main one.
        box: x1, y1, x2, y2 in pixels of the upright picture.
        size: width and height of the upright picture, pixels; 0 where they are not known.
        score: 2 - distance, 0..2.
        image: path or URL of the picture.
    """

    item: Record
    owner: str
    picture: int
    box: Box
    size: tuple[float, float]
    score: float
    image: str = ""

    def to_record(self) -> Record:
        """Return the scene as a JSON object."""
        return {**vars(self), "box": list(self.box), "size": list(self.size)}


class ItemSearch:
    """Search of one catalogue by its own items.

    Args:
        store: the catalogue.
        index: its index, which is followed.
        fingerprint: of the embedder whose vectors are compared.
    """

    def __init__(self, store: CatalogueStore, index: IndexView, fingerprint: str) -> None:
        self._store, self._index, self._fingerprint = store, index, fingerprint
        self._known_mean: tuple[int, Floats] | None = None

    def similar(self, id: str, limit: int = 10, offset: int = 0, where: Filter | None = None) -> list[SimilarItem]:
        """Return the items whose pictures are most like an item's, best first.

        The item itself, those merged with it, and those with the same pictures are left out.

        Args:
            id: of the item.
            limit: 1..100.
            offset: results before the first, 0..1000.
            where: a condition on the items that are returned.

        Raises:
            InvalidInput: there is no such item, it has no picture, or an argument is out of its range.
        """
        own = self._own(id, limit, offset)
        own = own.take(np.flatnonzero(own.whole))
        found = self._near(own, offset + limit, where, None)
        found = found.take(np.flatnonzero(found.whole))
        best = _best_first(found.numbers, _scores(own.vectors, found.vectors))
        pictures = self._pictures(own)
        records = self._store.records(best)
        items: list[SimilarItem] = []
        for number, score in best.items():
            if number in records and not self._is_duplicate(pictures, records[number]["id"], score):
                items.append(SimilarItem(records[number], score))
                if len(items) == offset + limit:
                    break
        return items[offset:]

    def scenes(self, id: str, limit: int = 10, offset: int = 0, where: Filter | None = None) -> list[SceneMatch]:
        """Return pictures of other items in which an item appears, best first.

        A picture is returned once, with the object that is most like the item. Objects that are like everything in the
        catalogue come later than their scores say. Needs `whatsit catalogue add --objects`: where objects are not
        indexed, there is none.

        Args:
            id: of the item.
            limit: 1..100.
            offset: results before the first, 0..1000.
            where: a condition on the items whose pictures are returned.

        Raises:
            InvalidInput: there is no such item, it has no picture, or an argument is out of its range.
        """
        own = self._own(id, limit, offset)
        if not isinstance(self._store, Store) or not self._store.keeps_objects:
            return []
        whole = own.take(np.flatnonzero(own.whole))
        found = self._near(whole, offset + limit, where, self._store.objects.items(SCENE_OBJECTS))
        sizes = _sizes(found)
        shares = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1) / np.maximum(sizes.prod(axis=1), 1.0)
        chosen = ~found.whole & (shares <= SCENE_SHARE)
        found, sizes = found.take(np.flatnonzero(chosen)), sizes[chosen]
        copies = {picture.sha256 for picture in self._pictures(own)}
        records = self._store.records(found.numbers.tolist())
        scores = _scores(whole.vectors, found.vectors)
        scenes: list[SceneMatch] = []
        for row in _first_of_each_picture(found, self._order(self._store, own, found)):
            place, number = (found.owners[row], int(found.positions[row])), int(found.numbers[row])
            picture = self._picture(*place)
            if number not in records or picture is None or picture["sha256"] in copies:
                continue
            x1, y1, x2, y2 = (float(side) for side in found.boxes[row])
            size = (float(sizes[row, 0]), float(sizes[row, 1]))
            scene = SceneMatch(records[number], *place, (x1, y1, x2, y2), size, float(scores[row]), picture["path"])
            scenes.append(scene)
            if len(scenes) == offset + limit:
                break
        return scenes[offset:]

    def _order(self, store: Store, own: PlacedVectors, found: PlacedVectors) -> Floats:
        """Return what objects are ordered by, f32 [N].

        It is the cosine with the item's pictures and with the main objects in them, in equal parts, less that with the
        mean of the catalogue: some objects are near to everything.
        """
        if not len(found):
            return np.empty(0, dtype=np.float32)
        mean = self._mean(store)
        likeness = _cosines(own.vectors[own.whole], found.vectors)
        main = _main_objects(own)
        if len(main):
            likeness = (likeness + _cosines(own.vectors[main], found.vectors)) / 2
        return np.asarray(likeness - _COMMON * (found.vectors @ mean), dtype=np.float32)

    def _mean(self, store: Store) -> Floats:
        """Return the catalogue's mean vector, taken anew after many changes."""
        age = store.changes.position() // _MEAN_CHANGES
        if self._known_mean is None or self._known_mean[0] != age:
            self._known_mean = (age, store.objects.mean(self._fingerprint))
        return self._known_mean[1]

    def _own(self, id: str, limit: int, offset: int) -> PlacedVectors:
        """Return the vectors of an item and those merged with it."""
        if not 1 <= limit <= MAX_PAGE or not 0 <= offset <= MAX_OFFSET:
            raise InvalidInput(f"limit lies within 1..{MAX_PAGE} and offset within 0..{MAX_OFFSET}.")
        if self._store.fields(id) is None:
            raise InvalidInput(f"The catalogue has no item '{id[:100]}'.")
        shown = self._store.show(id)
        if shown["merged_into"] is not None:
            shown = self._store.show(shown["merged_into"])
        own = self._store.placed_vectors([shown["number"]], self._fingerprint)
        if not own.whole.any():
            raise InvalidInput(f"The item '{id[:100]}' has no picture that could be compared; add it with one.")
        return own

    def _near(self, own: PlacedVectors, count: int, where: Filter | None, allowed: Numbers | None) -> PlacedVectors:
        """Return all vectors of other items near an item's."""
        index, selected = (self._index.now(), None) if where is None else self._index.where(where)
        if selected is not None:
            allowed = selected if allowed is None else np.intersect1d(selected, allowed)
        _, numbers = index.search(own.vectors, max(_SPARE * count, _FEWEST), allowed)
        others = np.setdiff1d(numbers[numbers >= 0], own.numbers)
        return self._store.placed_vectors(others.tolist(), self._fingerprint)

    def _pictures(self, own: PlacedVectors) -> list[Picture]:
        return [picture for id in dict.fromkeys(own.owners) for picture in self._store.pictures(id, self._fingerprint)]

    def _is_duplicate(self, own: Sequence[Picture], id: str, score: float) -> bool:
        """Return whether an item has a picture that is one of these, or nearly so."""
        if score < _DUPLICATE_SCORE:
            return False
        others = self._store.pictures(id, self._fingerprint)
        return any(_is_same(one, other) for one in own for other in others)

    def _picture(self, owner: str, position: int) -> Record | None:
        """Return path and digest of a visible picture, None where it is gone meanwhile."""
        if self._store.fields(owner) is None:
            return None
        visible = [one for one in self._store.show(owner)["images"] if not one["hidden"]]
        return visible[position] if position < len(visible) else None


def _is_same(one: Picture, other: Picture) -> bool:
    if one.sha256 == other.sha256:
        return True
    first, second = one.facts.hashes.get(_HASH), other.facts.hashes.get(_HASH)
    if first is None or second is None:
        return False
    return int(hamming(np.frombuffer(first, np.uint8), np.frombuffer(second, np.uint8))) <= _DUPLICATE_BITS


def _scores(queries: Floats, vectors: Floats) -> Floats:
    """Return 2 - distance of each vector to the nearest query, f32 [N]."""
    if not len(vectors):
        return np.empty(0, dtype=np.float32)
    return np.asarray(2.0 - np.sqrt(np.maximum(2.0 - 2.0 * _cosines(queries, vectors), 0.0)), dtype=np.float32)


def _cosines(queries: Floats, vectors: Floats) -> Floats:
    """Return the cosine of each vector and the nearest query, f32 [N]."""
    return np.asarray((vectors @ queries.T).max(axis=1), dtype=np.float32)


def _main_objects(own: PlacedVectors) -> Numbers:
    """Return the rows of the most certain object in each picture."""
    best: dict[tuple[str, int], int] = {}
    for row in np.flatnonzero(~own.whole).tolist():
        place = (own.owners[row], int(own.positions[row]))
        if place not in best or own.scores[row] > own.scores[best[place]]:
            best[place] = row
    return np.array(list(best.values()), dtype=np.int64)


def _first_of_each_picture(found: PlacedVectors, order: Floats) -> Iterator[int]:
    """Return the best row of each picture, best first."""
    seen: set[tuple[str, int]] = set()
    for row in np.argsort(-order, kind="stable").tolist():
        place = (found.owners[row], int(found.positions[row]))
        if place not in seen:
            seen.add(place)
            yield row


def _best_first(numbers: Numbers, scores: Floats) -> dict[int, float]:
    """Return item -> its best score, best first."""
    best: dict[int, float] = {}
    for place in np.argsort(-scores, kind="stable").tolist():
        best.setdefault(int(numbers[place]), float(scores[place]))
    return best


def _sizes(found: PlacedVectors) -> Floats:
    """Return width and height of the picture of each vector, f32 [N,2]."""
    places = list(zip(found.owners, found.positions.tolist(), strict=True))
    known = {places[row]: found.boxes[row, 2:] for row in np.flatnonzero(found.whole).tolist()}
    return np.array([known.get(place, (0.0, 0.0)) for place in places], dtype=np.float32).reshape(len(places), 2)
