"""Steps between reading and storing: from a planned row to a complete item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.ingest.fetch import Fetch, Fetched
from whatsit.catalogue.ingest.picture_analysis import (
    DEFAULT_STEPS,
    HASH,
    PictureAnalysis,
    PictureAnalysisSteps,
    Step,
    lacking,
    separate_objects,
)
from whatsit.catalogue.ingest.plan import Batch, Task
from whatsit.catalogue.item import Picture, Vector
from whatsit.catalogue.sources.cloud_image import CloudImage
from whatsit.catalogue.sources.picture_location import Image, WebImage, must_be_kept, path_of
from whatsit.catalogue.sources.source_row import Skipped
from whatsit.catalogue.store.local_feature_table import local_features
from whatsit.catalogue.store.picture_files import keep_picture
from whatsit.catalogue.store.picture_metadata import PictureMetadata
from whatsit.vision.decode_process import decode_isolated
from whatsit.vision.perceptual_hash import hamming

# Bits of 64. A picture that was encoded again differs in fewer; the report names the certain ones alone.
NEAR_BITS = 4


@dataclass(frozen=True)
class Prepared:
    """A row whose pictures are done.

    Args:
        task: the row, and what the store holds of it.
        pictures: what it shall hold; None where it holds just that.
        skipped: pictures that were left out.
        notes: findings about kept pictures.
    """

    task: Task
    pictures: tuple[Picture, ...] | None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[Skipped, ...] = ()


Done = list[Prepared | Skipped]
Got = list[list[Fetched | Picture | Skipped]]


@dataclass(frozen=True)
class Settings:
    """What an ingestion does with each picture.

    Args:
        steps: beside embedding; `categorise` is taken for items without a category of the merchant's, `objects` and
            `views` where the catalogue has them.
        local: whether local features are taken.
        refetch: whether a picture on the web that the store knows by its address is fetched again.
        keep: folder in which the bytes of pictures from the web are kept, None to keep none.
        own: folder for pictures that cannot be read later from where they lie, such as those in a compressed archive;
            None to keep none.
    """

    steps: frozenset[Step] = DEFAULT_STEPS
    local: bool = False
    refetch: bool = False
    keep: Path | None = None
    own: Path | None = None


@dataclass(frozen=True)
class Prepare:
    """The steps for batches of rows; may be called from many threads.

    Args:
        look: the networks.
        fetch: reads pictures.
        settings: what is wanted.
    """

    look: PictureAnalysisSteps
    fetch: Fetch
    settings: Settings

    def fetched(self, batch: Batch, pool: Executor | None = None) -> Got:
        """Return the pictures of each row: bytes, a stored picture, or a refusal.

        Args:
            batch: the rows.
            pool: threads that fetch at once; None to fetch one after the other.
        """
        mapped = pool.map if pool else map
        coming = [
            () if isinstance(one, Skipped) else mapped(self._get, [one] * len(one.row.images), one.row.images)
            for one in batch
        ]
        return [list(got) for got in coming]

    def done(self, batch: Batch, got: Got) -> Done:
        """Return the rows as they shall be written."""
        return [
            task if isinstance(task, Skipped) else self._done(task, parts)
            for task, parts in zip(batch, got, strict=True)
        ]

    def _get(self, task: Task, image: Image) -> Fetched | Picture | Skipped:
        if isinstance(image, (WebImage, CloudImage)) and not self.settings.refetch:
            for known in task.before:
                if known.path == image.url and known.vectors and not self._lacking(task, known):
                    return known
        try:
            return Fetched.of(image, self.fetch(image))
        except InvalidInput as error:
            return Skipped(path_of(image), str(error).rstrip("."))

    def _done(self, task: Task, parts: Sequence[Fetched | Picture | Skipped]) -> Prepared | Skipped:
        left_fields = tuple(Skipped(task.row.place, note) for note in task.row.notes)
        if not task.row.images:
            return Prepared(task, None if task.same_fields else task.before, (), left_fields)
        pictures: list[Picture] = []
        skipped: list[Skipped] = []
        for part in parts:
            one = self._picture(task, part, [picture.sha256 for picture in pictures])
            (pictures if isinstance(one, Picture) else skipped).append(one)  # type: ignore[arg-type] # it fits one of both
        left_out = tuple(_at(task, one) for one in skipped)
        if not pictures:
            return left_out[0]
        if task.same_fields and _keys(pictures) == _keys(task.before):
            return Prepared(task, None, left_out, left_fields)
        near = tuple(
            Skipped(task.row.place, f"its picture {at + 1} is nearly its picture {first + 1} ({bits} bits differ)")
            for at, first, bits in _near_duplicates(pictures)
        )
        return Prepared(task, tuple(pictures), left_out, left_fields + near)

    def _picture(self, task: Task, part: Fetched | Picture | Skipped, before: Sequence[str]) -> Picture | Skipped:
        if isinstance(part, Skipped):
            return part
        if part.sha256 in before:
            place = part.path if isinstance(part, Picture) else path_of(part.image)
            return Skipped(place, f"it is the same file as the item's picture {before.index(part.sha256) + 1}")
        return part if isinstance(part, Picture) else self._analysed(task, part)

    def _analysed(self, task: Task, part: Fetched) -> Picture | Skipped:
        known = next((one for one in task.before if one.sha256 == part.sha256 and one.vectors), None)
        facts = known.facts if known else PictureMetadata()
        steps: frozenset[Step] = lacking(facts, self._steps(task))
        if known is None:
            steps |= {"embed"}
        try:
            seen = self.look(part.data, steps | (self.settings.steps & {"views"})) if steps else PictureAnalysis()
            vectors = known.vectors if known else _checked(seen.vectors)
            if seen.objects is not None:
                whole = tuple(one for one in vectors if one.score is None)
                vectors = (*whole, *(_checked(seen.objects) if seen.objects else ()))
            local = known.local if known else None
            if self.settings.local and local is None:
                local = local_features(part.data, decode_isolated)
        except InvalidInput as error:
            return Skipped(path_of(part.image), str(error).rstrip("."))
        facts = PictureMetadata(
            part.md5,
            {**facts.hashes, **seen.hashes},
            seen.main or facts.main,
            seen.prediction or facts.prediction,
            self._kept(task, part) or facts.kept,
            facts.objects if seen.objects is None else separate_objects(seen.objects),
        )
        return Picture(self._path(task, part), part.sha256, vectors, local, facts)

    def _steps(self, task: Task) -> frozenset[Step]:
        return self.settings.steps - ({"categorise"} if task.row.fields.category else set())

    def _lacking(self, task: Task, known: Picture) -> bool:
        """Return whether a picture must be read again for something that is wanted of it."""
        missing = lacking(known.facts, self._steps(task))
        return (
            bool(missing)
            or (self.settings.local and known.local is None)
            or (self.settings.keep is not None and known.facts.kept is None)
        )

    def _path(self, task: Task, part: Fetched) -> str:
        """Return the picture's place, after a copy where it would be gone later."""
        path = path_of(part.image)
        if self.settings.own is None or not must_be_kept(part.image):
            return path
        return str(keep_picture(self.settings.own, part.data, f"{task.row.fields.id}\n{path}\n{part.sha256}"))

    def _kept(self, task: Task, part: Fetched) -> str | None:
        if self.settings.keep is None or not isinstance(part.image, (WebImage, CloudImage)):
            return None
        key = f"{task.row.fields.id}\n{part.image.url}\n{part.sha256}"
        return keep_picture(self.settings.keep, part.data, key).name


def _near_duplicates(pictures: Sequence[Picture]) -> Iterator[tuple[int, int, int]]:
    """Find pictures whose hash nearly equals that of an earlier one of the item.

    Yields:
        Place of the picture, place of the first that it resembles (0 is the first), and differing bits.
    """
    hashed = [
        (n, np.frombuffer(one.facts.hashes[HASH], np.uint8))
        for n, one in enumerate(pictures)
        if HASH in one.facts.hashes
    ]
    for number, (place, bits) in enumerate(hashed):
        near = ((first, int(hamming(bits, others))) for first, others in hashed[:number])
        for first, distance in near:
            if distance <= NEAR_BITS:
                yield place, first, distance
                break


def _keys(pictures: Sequence[Picture]) -> list[object]:
    return [(one.path, one.sha256, len(one.vectors), one.local is None, one.facts) for one in pictures]


def _checked(vectors: tuple[Vector, ...] | None) -> tuple[Vector, ...]:
    vectors = tuple(replace(one, values=np.asarray(one.values, dtype=np.float32)) for one in vectors or ())
    if not vectors or not all(np.isfinite(one.values).all() for one in vectors):
        raise InvalidInput("the networks found nothing to embed in the picture")
    return vectors


def _at(task: Task, skipped: Skipped) -> Skipped:
    """Return a picture's refusal with the place of its row."""
    place = task.row.place
    return skipped if place == skipped.place else Skipped(place, f"{skipped.place}: {skipped.reason}")
