"""Films of real photos of groceries, what a scanner and a naive client send of them, and what is recognised."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from whatsit_client.scan import Detector, Scanner, ScanOptions
from whatsit_client.scan.frame_pixels import encode_jpeg
from whatsit_client.types import Box

from whatsit.evaluation.datasets.grocery import GroceryClass
from whatsit.rendering.canvas import Pixels
from whatsit.rendering.film import Film
from whatsit.rendering.film_kinds import film_of_photo
from whatsit.search.offline_identifier import OfflineIdentifier

RATE, EVERY = 20, 10  # the naive client sends two frames a second, as each 15th of 30 would be
HOLD_SECONDS = 7.0
_QUALITY = 85


@dataclass(frozen=True)
class Reply:
    """What was recognised.

    Args:
        id: of the nearest item.
        probability: of the answer.
    """

    id: str
    probability: float


def open_photo(path: Path) -> Pixels:
    """Return an upright photo, RGB uint8 [H,W,3]."""
    with Image.open(path) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def film_of(index: int, photos: Sequence[tuple[Path, GroceryClass]]) -> Film:
    """Return the film of a photo between two of other classes."""
    label = photos[index][1].label
    others = [path for path, item in photos if item.label != label]
    beside = [open_photo(others[(7 * index + step) % len(others)]) for step in (1, 18)]
    return replace(film_of_photo(open_photo(photos[index][0]), beside, index, HOLD_SECONDS), rate=RATE)


def identify(identifier: OfflineIdentifier, picture: bytes, box: Box | None = None) -> Reply:
    """Return the nearest item of a picture, as the answer names it."""
    answer = identifier.retrieve(identifier.extract(picture, box, local=False), "none").answer
    return Reply(answer.closest[0] if answer.closest else "", answer.probability)


def scan_film(film: Film, detector: Detector | None, identifier: OfflineIdentifier, name: str) -> dict[str, Any]:
    """Return what both clients sent of a film and how much of it was recognised."""
    scanner = Scanner(detector, ScanOptions(detect_every_ms=100))
    row: dict[str, Any] = {"frames": 0, "requests": 0, "bytes": 0, "right": 0, "moving": 0}
    naive: list[Reply] = []
    row["naive_bytes"] = 0
    for index, (truth, pixels) in enumerate(zip(film.truth, film.frames(), strict=True)):
        row["frames"] += 1
        if index % EVERY == 0:
            picture, _ = encode_jpeg(pixels, 640, _QUALITY)
            row["naive_bytes"] += len(picture)
            naive.append(identify(identifier, picture))
        request = scanner.push(pixels, truth.time_ms)
        if request:
            reply = identify(identifier, request.image, request.boxes[0] if request.boxes else None)
            row["requests"] += 1
            row["bytes"] += request.size
            row["moving"] += not truth.still
            row["boxed"] = row.get("boxed", 0) + (request.boxes is not None)
            if truth.hold == len(film.path.stops) - 1 and "scanned" not in row:
                row["scanned"] = reply.id
                row["right"] = int(reply.id == name)
    votes = Counter(reply.id for reply in naive)
    return row | {
        "naive_requests": len(naive),
        "naive_right": sum(reply.id == name for reply in naive),
        "naive_vote": int(votes.most_common(1)[0][0] == name),
        "naive_surest": int(max(naive, key=lambda reply: reply.probability).id == name),
    }


def clean_reply(identifier: OfflineIdentifier, path: Path) -> Reply:
    """Return the nearest item of the photo itself, sent whole."""
    picture = Image.open(path)
    file = io.BytesIO()
    ImageOps.exif_transpose(picture).convert("RGB").save(file, "JPEG", quality=95)
    return identify(identifier, file.getvalue())
