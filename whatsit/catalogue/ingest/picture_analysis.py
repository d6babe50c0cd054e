"""Steps of picture analysis: decode, hash, embed, detect, categorise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import Vector
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.store.picture_metadata import PictureMetadata, Prediction, PrimaryDetection
from whatsit.vision.boxes import area
from whatsit.vision.perceptual_hash import Kind

Step = Literal["embed", "hash", "detect", "categorise", "objects", "views"]

# What may be chosen beside `embed`. Detecting takes several times as long as embedding and only serves contact sheets;
# `objects` and `views` are chosen for the whole catalogue; `views` changes how `embed` and `objects` embed.
CHOICES: tuple[Step, ...] = ("hash", "detect", "categorise")
DEFAULT_STEPS: frozenset[Step] = frozenset({"hash", "categorise"})
# The hash that `whatsit catalogue clean` uses by default.
HASH: Kind = "dhash"
# The detector's score of an object that counts, and the share of it that a larger one covers where it is part of that.
_SURE = 0.25
_PART = 0.7


@dataclass(frozen=True, eq=False)
class PictureAnalysis:
    """The results of one picture; None and {} for the steps that were not asked for.

    Args:
        vectors: of the step `embed`.
        hashes: of the step `hash`: kind -> 8 bytes.
        main: of the step `detect`.
        prediction: of the step `categorise`.
        objects: of the step `objects`, best first.
    """

    vectors: tuple[Vector, ...] | None = None
    hashes: dict[str, bytes] = field(default_factory=dict)
    main: PrimaryDetection | None = None
    prediction: Prediction | None = None
    objects: tuple[Vector, ...] | None = None


class PictureAnalysisSteps(Protocol):
    """The networks and hashes; called from many threads."""

    def __call__(self, data: bytes, steps: frozenset[Step]) -> PictureAnalysis:
        """Decode a picture and take the steps.

        A picture's answer depends on nothing but its bytes: not on pictures analysed beside it.

        Raises:
            InvalidInput: it is no picture. Any other error ends the ingestion.
        """


def separate_objects(objects: Sequence[Vector]) -> int:
    """Return the number of objects of a picture that are not part of a larger one.

    Uncertain ones do not count: by this number a picture of one thing is told from a scene.
    """
    sure = [one.box for one in objects if one.score is not None and one.score >= _SURE]
    boxes = np.array(sure, dtype=np.float32).reshape(len(sure), 4)
    sizes = area(boxes)
    corners = np.maximum(boxes[:, None, :2], boxes[:, :2]), np.minimum(boxes[:, None, 2:], boxes[:, 2:])
    shared = np.clip(corners[1] - corners[0], 0, None).prod(axis=2)
    inside = (shared > _PART * sizes[:, None]) & (sizes > sizes[:, None])
    return int((~inside.any(axis=1)).sum())


def checked_steps(names: Sequence[str]) -> frozenset[Step]:
    """Return the steps of these names.

    Raises:
        InvalidInput: there is no such step.
    """
    for name in names:
        if name not in CHOICES:
            raise InvalidInput(f"There is no step '{name}'; the steps are {', '.join(CHOICES)}.")
    return frozenset(step for step in CHOICES if step in names)


def catalogue_steps(store: CatalogueStore) -> frozenset[Step]:
    """Return the steps that were chosen for the whole catalogue."""
    chosen: dict[Step, bool] = {"objects": store.keeps_objects, "views": store.keeps_views}
    return frozenset(step for step, wanted in chosen.items() if wanted)


def lacking(facts: PictureMetadata, wanted: frozenset[Step]) -> frozenset[Step]:
    """Those of the wanted steps whose results are not among these facts."""
    there = {
        "hash": HASH in facts.hashes,
        "detect": facts.main is not None,
        "categorise": facts.prediction is not None,
        "objects": facts.objects is not None,
    }
    return frozenset(step for step in wanted if not there.get(step, False) and step not in ("embed", "views"))
