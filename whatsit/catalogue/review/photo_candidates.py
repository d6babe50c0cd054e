"""Candidates of the queues that need networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.review.photo_networks import PhotoNetworks
from whatsit.catalogue.review.task_table import Candidate
from whatsit.catalogue.store.picture_files import read_picture, whole_path
from whatsit.catalogue.store.store import Store

Progress = Callable[[int, int, str], None]
Floats = npt.NDArray[np.float32]

DOUBTFUL = (0.2, 0.6)  # scores of boxes between which a person looks
ANSWERED = 0.6  # cosine with the nearest picture from which a searched region is taken for an item's
NEAR = 0.7  # cosine with the mean of a cluster of unanswered searches from which a photo joins it
PROPOSALS = 5


@dataclass(frozen=True)
class Photo:
    """A visitor's photo that has no item.

    Args:
        click: number of the entry in the click log.
        kind: `none` or `crop`.
        vector: f32 [D] of the region that was searched.
    """

    click: int
    kind: str
    vector: Floats


def box_candidates(store: Store, networks: PhotoNetworks, limit: int, progress: Progress) -> Iterator[Candidate]:
    """Return main pictures with boxes of which the detector is not sure.

    Pictures that were looked at before are left out, so an interrupted run goes on.
    """
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT items.id, path, sha256 FROM images JOIN items ON number = item WHERE found_as IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM review_tasks WHERE queue = 'boxes' AND key = items.id || '|' || sha256) "
            "ORDER BY position, number LIMIT ?",
            (limit,),
        ).fetchall()
    for done, (id, path, sha256) in enumerate(rows, start=1):
        progress(done, len(rows), "detecting")
        try:
            found = networks.detect(read_picture(store.places(path), store.folder))
        except InvalidInput:
            continue
        doubts = [1.0 - abs(2.0 * score - 1.0) if _is_doubtful(score) else 0.0 for _, score, _ in found.boxes]
        boxes = [
            {"box": [round(side, 1) for side in box], "score": round(score, 4), "label": label,
             "doubtful": _is_doubtful(score)}
            for box, score, label in found.boxes
        ]  # fmt: skip
        count = sum(doubt > 0 for doubt in doubts)
        subject = {
            "item": id,
            "first": sha256,
            "width": found.width,
            "height": found.height,
            "boxes": boxes,
            "labels": sorted({label for _, _, label in found.boxes} | set(networks.labels[:1])),
            "reason": f"Of {len(boxes)} boxes the detector is not sure of {count}."
            if boxes
            else "The detector found nothing in it.",
            "figures": {"boxes": len(boxes), "doubtful": count},
        }
        yield Candidate(f"{id}|{sha256}", max(doubts, default=1.0), subject)


def read_photos(store: Store, networks: PhotoNetworks, progress: Progress) -> list[Photo]:
    """Return the visitors' photos without an item; vectors are kept for the next time."""
    with store.snapshot() as connection:
        rows = connection.execute(
            "SELECT click, path, box, kind, vector, fingerprint FROM clicks LEFT JOIN click_vectors USING (click) "
            "WHERE kind != 'match' ORDER BY click"
        ).fetchall()
    found = []
    for done, (click, path, box, kind, vector, fingerprint) in enumerate(rows, start=1):
        progress(done, len(rows), "reading photos")
        if fingerprint == networks.fingerprint:
            found.append(Photo(click, kind, np.frombuffer(vector, dtype="<f4")))
            continue
        try:
            data = Path(whole_path(path, store.folder)).read_bytes()
            values, width, height = networks.embed(data, None if box is None else json.loads(box))
        except (OSError, InvalidInput):
            continue
        with store.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO click_vectors (click, fingerprint, vector, width, height) VALUES (?,?,?,?,?)",
                (click, networks.fingerprint, values.astype("<f4").tobytes(), width, height),
            )
        found.append(Photo(click, kind, values))
    return found


class NearestItems:
    """The items of the pictures that are nearest to a vector.

    Args:
        store: the catalogue.
        fingerprint: of the embedder.
    """

    def __init__(self, store: Store, fingerprint: str) -> None:
        self._vectors, self._numbers = store.vectors(fingerprint)
        with store.snapshot() as connection:
            self._ids = dict(connection.execute("SELECT number, id FROM items"))

    def __call__(self, vector: Floats) -> list[dict[str, Any]]:
        """Return id and cosine of the nearest items, best first."""
        if not len(self._vectors):
            return []
        cosines = self._vectors @ vector
        found: dict[str, float] = {}
        for row in np.argsort(-cosines)[: 40 * PROPOSALS].tolist():
            id = self._ids.get(int(self._numbers[row]))
            if id is not None and id not in found:
                found[id] = round(float(cosines[row]), 4)
            if len(found) == PROPOSALS:
                break
        return [{"id": id, "score": score} for id, score in found.items()]


def crop_candidates(photos: Sequence[Photo], nearest: NearestItems) -> Iterator[Candidate]:
    """Return searched regions that look like an item of the catalogue."""
    for photo in photos:
        proposals = nearest(photo.vector)
        if photo.kind == "crop" and proposals and proposals[0]["score"] >= ANSWERED:
            reason = f"Its cosine with the nearest picture of the catalogue is {proposals[0]['score']:.3f}."
            figures = {"similarity": proposals[0]["score"]}
            subject = {"clicks": [photo.click], "proposals": proposals, "reason": reason, "figures": figures}
            yield Candidate(f"click {photo.click}", float(np.clip(proposals[0]["score"], 0, 1)), subject)


def unanswered_candidates(
    photos: Sequence[Photo], nearest: NearestItems, settled: Sequence[Photo]
) -> Iterator[Candidate]:
    """Return clusters of unanswered searches, the largest first.

    Args:
        photos: without an item.
        nearest: items of the catalogue.
        settled: photos of clusters that a reviewer denied; what is near to them is not asked again.
    """
    known = {photo.click for photo in settled}
    open_ = []
    for photo in photos:
        if photo.click in known or _is_near(photo, settled):
            continue
        proposals = nearest(photo.vector)
        if photo.kind == "none" or not proposals or proposals[0]["score"] < ANSWERED:
            open_.append(photo)
    groups = clusters(open_)
    largest = max(map(len, groups), default=1)
    for group in groups:
        mean = np.mean([photo.vector for photo in group], axis=0)
        proposals = nearest((mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32))
        clicks = [photo.click for photo in group]
        count = "One search" if len(clicks) == 1 else f"{len(clicks)} searches for one thing"
        reason = f"{count} that nobody could answer."
        if proposals:
            reason += f" The nearest item has a cosine of {proposals[0]['score']:.3f}."
        figures = {"searches": len(clicks), "similarity": proposals[0]["score"] if proposals else 0.0}
        subject = {"clicks": clicks, "proposals": proposals, "reason": reason, "figures": figures}
        yield Candidate(f"clicks {clicks[0]}", len(clicks) / largest, subject)


def clusters(photos: Sequence[Photo]) -> list[list[Photo]]:
    """Return groups of photos of one thing (average linkage), largest first."""
    if len(photos) < 2:
        return [[photo] for photo in photos]
    from sklearn.cluster import AgglomerativeClustering

    vectors = np.stack([photo.vector for photo in photos])
    grouping = AgglomerativeClustering(
        n_clusters=None, distance_threshold=1.0 - NEAR, metric="cosine", linkage="average"
    )
    labels = grouping.fit_predict(vectors).tolist()
    found: dict[int, list[Photo]] = {}
    for photo, label in zip(photos, labels, strict=True):
        found.setdefault(label, []).append(photo)
    return sorted(found.values(), key=lambda group: (-len(group), group[0].click))


def _is_near(photo: Photo, others: Sequence[Photo]) -> bool:
    return bool(others) and max(float(one.vector @ photo.vector) for one in others) >= NEAR


def _is_doubtful(score: float) -> bool:
    return DOUBTFUL[0] <= score <= DOUBTFUL[1]
