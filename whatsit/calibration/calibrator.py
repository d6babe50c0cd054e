"""Sightings of photos in a catalogue, with and without the item that they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from whatsit_client.errors import InvalidInput
from whatsit_client.types import Box

from whatsit.catalogue.backends import open_embedded
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.picture_files import read_picture
from whatsit.evaluation.metrics.open_set import PhotoScores
from whatsit.index.generation import open_generation
from whatsit.index.shard import Numbers
from whatsit.pipeline.networks import Networks
from whatsit.rendering.photo import photograph
from whatsit.rendering.shop import encode_jpeg
from whatsit.vision.decode import decode_image
from whatsit.vision.picture_file import ENDINGS

# Items whose pictures are this much alike are one thing twice: finding the other one is no false accept.
DUPLICATE_RANK = 1.9
DUPLICATES_LOOKED_AT = 100
PHOTO_SIZE = (480, 480)
# What the ranker hears where the catalogue keeps local features; as in its training.
RANKER_STAGES = "geometry,learned"
# The poorest photos give about the threshold of real ones: on the 81 grocery shop images 1.273 for a target of 5 %,
# where the 296 val photos give 1.287.
PHOTO_STRENGTH = 1.0
_NOT_MEASURED = "where photos are not looked up with their item left out: calibrate before migrating"


@dataclass(frozen=True)
class Photo:
    """A photo to look up.

    Args:
        file: a real photo, or the catalogue picture that a synthetic one is made from.
        item: number of the item that it shows; None where the catalogue does not hold it.
        id: of that item.
        dice: seed of a synthetic photo; None for a real one.
        box: where the thing is in it, pixels; None to detect.
    """

    file: Path
    item: int | None = None
    id: str = ""
    dice: int | None = None
    box: Box | None = None


class Calibrator:
    """Photos for a published catalogue, and which of its items each may not find.

    A photo counts twice: with its own item and that item's near-identical duplicates taken out it is a photo of
    something absent, and as it is one of something present. Synthetic photos find wrong items about as often as real
    ones, and their own item more often: a real photo shows another specimen, from another side.

    Args:
        folder: the catalogue's.
        networks: the networks.

    Raises:
        Unavailable: nothing is published there.
        Damaged: the index or the store cannot be read.
        InvalidInput: the catalogue is in Milvus, another embedder made the index, or it is empty.
    """

    def __init__(self, folder: Path, networks: Networks) -> None:
        self.layout, self._networks = Layout(folder), networks
        self.fingerprint = networks.fingerprint
        self._store = open_embedded(folder, _NOT_MEASURED, read_only=True)
        self.generation = open_generation(self.layout.index, networks.fingerprint)
        if self.generation.manifest.items < 2:
            raise InvalidInput(f"The index of {folder} holds fewer than two items: there is nothing to tell apart.")
        self._indexed: Numbers = np.unique(np.concatenate([shard.items for shard in self.generation.shards]))

    def synthetic(self, limit: int, seed: int = 0) -> list[Photo]:
        """Photos to be made of the main pictures of `limit` items, drawn at random."""
        chosen = np.random.default_rng(seed).permutation(self._indexed)[:limit]
        records = self._store.records(np.sort(chosen))
        kept = self._store.facts.kept()
        return [
            Photo(
                self.layout.pictures / kept[number] if number in kept else Path(known["image"]),
                number,
                known["id"],
                number,
            )
            for number, known in records.items()
        ]

    def numbers(self) -> dict[str, int]:
        """The number of every item in the index, by its id."""
        return {str(known["id"]): number for number, known in self._store.records(self._indexed).items()}

    def real(self, folder: Path) -> list[Photo]:
        """Return the photos of a folder.

        Those in a sub-folder named after an item's id show that item, all others none.

        Raises:
            InvalidInput: there is no such folder, or no picture in it.
        """
        if not folder.is_dir():
            raise InvalidInput(f"{folder} is not a folder: give one with photos.")
        photos = []
        for file in sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS):
            owner = file.relative_to(folder).parts[0] if file.parent != folder else ""
            known = bool(owner) and self._store.fields(owner) is not None
            photos.append(Photo(file, self._store.show(owner)["number"] if known else None, owner if known else ""))
        if not photos:
            raise InvalidInput(f"There is no picture in {folder}: give photos.")
        return photos

    def picture(self, photo: Photo) -> bytes:
        """The encoded photo, a synthetic one taken now.

        Raises:
            InvalidInput: the catalogue picture behind a synthetic photo cannot be read, or is no picture.
            OSError: the file cannot be read.
        """
        if photo.dice is None:
            return photo.file.read_bytes()
        pixels = decode_image(read_picture(str(photo.file), self.layout.folder.resolve()), max_side=800).pixels
        taken, _ = photograph(pixels, np.random.default_rng(photo.dice), PHOTO_SIZE, strength=PHOTO_STRENGTH)
        return encode_jpeg(taken)

    def absent(self, photo: Photo) -> Numbers:
        """Return a photo's own item and its near duplicates, int64; none if it is unknown."""
        own = [] if photo.item is None else [photo.item]
        return np.union1d(own, self._duplicates(photo)).astype(np.int64)

    def without(self, photo: Photo) -> Numbers:
        """Return all items but `absent`, int64 ascending."""
        return np.setdiff1d(self._indexed, self.absent(photo))

    def _duplicates(self, photo: Photo) -> Numbers:
        """Numbers of the items whose pictures are nearly the same as one of this item's."""
        pictures = self._store.pictures(photo.id, self._networks.fingerprint) if photo.id else ()
        vectors = [vector.values for picture in pictures for vector in picture.whole_vectors]
        if not vectors:
            return np.empty(0, dtype=np.int64)
        distances, numbers = self.generation.search(np.stack(vectors), DUPLICATES_LOOKED_AT)
        alike: Numbers = numbers[(numbers >= 0) & (distances <= 2.0 - DUPLICATE_RANK)]
        return alike


def photo_scores(
    present: Mapping[int, float], gone: Mapping[int, float], item: int | None, absent: Numbers
) -> PhotoScores:
    """Return a photo's scores with its item in the catalogue and without it.

    Args:
        present: item number -> value where nothing is taken out.
        gone: where the photo's item and its duplicates are.
        item: that the photo shows, None where the catalogue does not hold it.
        absent: the item and its duplicates.
    """
    other = max(gone.values(), default=0.0)
    if item is None:
        return PhotoScores(other)
    hidden = set(absent.tolist())
    rival = max((value for number, value in present.items() if number not in hidden), default=0.0)
    return PhotoScores(other, present.get(item, 0.0), rival)
