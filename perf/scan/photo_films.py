"""Films of real photos of groceries, what a scanner and a naive client send of them, and what is recognised.

A film is drawn once and kept as Motion JPEG, quality 95, as a phone's camera would: drawing costs more than scanning.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
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
_QUALITY, _FILM_QUALITY = 85, 95


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


def frames_of(film: Film, file: Path) -> Iterator[Pixels]:
    """Return a film's frames, RGB uint8 [H,W,3], drawn where the file is not there yet."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new.npz")
        quality = [cv2.IMWRITE_JPEG_QUALITY, _FILM_QUALITY]
        np.savez(new, *(cv2.imencode(".jpg", frame[..., ::-1], quality)[1] for frame in film.frames()))
        new.replace(file)
    with np.load(file) as kept:
        for name in kept.files:
            picture = cv2.imdecode(kept[name], cv2.IMREAD_COLOR)
            assert picture is not None
            yield np.ascontiguousarray(picture[..., ::-1], np.uint8)


def naive_film(film: Film, file: Path, identifier: OfflineIdentifier, name: str) -> dict[str, Any]:
    """Return what a client that sends two frames a second sent, and how much of it was recognised."""
    replies, size, frames = list[Reply](), 0, 0
    for index, pixels in enumerate(frames_of(film, file)):
        frames += 1
        if index % EVERY == 0:
            picture, _ = encode_jpeg(pixels, 640, _QUALITY)
            size += len(picture)
            replies.append(identify(identifier, picture))
    votes = Counter(reply.id for reply in replies)
    return {
        "frames": frames,
        "naive_bytes": size,
        "naive_requests": len(replies),
        "naive_right": sum(reply.id == name for reply in replies),
        "naive_vote": int(votes.most_common(1)[0][0] == name),
        "naive_surest": int(max(replies, key=lambda reply: reply.probability).id == name),
    }


def scan_film(
    film: Film, file: Path, detector: Detector | None, identifier: OfflineIdentifier, name: str
) -> dict[str, Any]:
    """Return what the scanner sent of a film and whether it was recognised."""
    scanner = Scanner(detector, ScanOptions(detect_every_ms=100))
    row: dict[str, Any] = {"requests": 0, "bytes": 0, "right": 0, "moving": 0, "boxed": 0, "whole": 0}
    for truth, pixels in zip(film.truth, frames_of(film, file), strict=True):
        request = scanner.push(pixels, truth.time_ms)
        if request:
            reply = identify(identifier, request.image, request.boxes[0] if request.boxes else None)
            row["requests"] += 1
            row["bytes"] += request.size
            row["moving"] += not truth.still
            row["boxed"] += request.boxes is not None
            row["whole"] += request.boxes is not None and request.crop == (0, 0, *film.size)
            if truth.hold == len(film.path.stops) - 1 and "scanned" not in row:
                row["scanned"] = reply.id
                row["right"] = int(reply.id == name)
    return row


def clean_reply(identifier: OfflineIdentifier, path: Path) -> Reply:
    """Return the nearest item of the photo itself, sent whole."""
    picture = Image.open(path)
    file = io.BytesIO()
    ImageOps.exif_transpose(picture).convert("RGB").save(file, "JPEG", quality=95)
    return identify(identifier, file.getvalue())
