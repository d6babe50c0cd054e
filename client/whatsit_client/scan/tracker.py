"""Boxes that keep their identity from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatsit_client.scan.center_decoding import Detections, Floats, overlaps

_SMOOTHING = 0.6  # share of the new box in a track's box
_SCORE_SMOOTHING = 0.3


@dataclass
class Track:
    """One thing.

    Args:
        id: number, from 1 in the order of appearance.
        box: x1, y1, x2, y2 in pixels of the frame, smoothed.
        score: smoothed, 0..1.
        label: class of the last detection that knew one; 0 for none.
        hits: frames in which it was found.
        misses: frames since.
        sent: whether it was sent.
    """

    id: int
    box: Floats
    score: float
    label: int
    hits: int = 1
    misses: int = 0
    sent: bool = False


@dataclass(frozen=True)
class TrackerOptions:
    """Options of a `Tracker`.

    Args:
        match_iou: overlap that a detection must have with a track to continue it.
        new_score: weaker detections begin no track.
        max_misses: detector runs without the thing after which it is forgotten.
        min_hits: frames in which a thing must have been found to count.
        crowd: overlap with a track above which another detection begins no track of its own.
    """

    match_iou: float = 0.3
    new_score: float = 0.35
    max_misses: int = 10
    min_hits: int = 2
    crowd: float = 0.6


class Tracker:
    """Follow things by overlap, after the motion of the camera was taken off.

    Detections are matched with tracks greedily, the largest overlap first; equal ones in the order of tracks.
    """

    def __init__(self, options: TrackerOptions | None = None) -> None:
        self.options = options or TrackerOptions()
        self.tracks: list[Track] = []
        self._next_id = 1

    def reset(self) -> None:
        """Forget all things, as after a cut."""
        self.tracks = []

    def shift(self, dx: float, dy: float) -> None:
        """Move all things along with the picture, by pixels of the frame."""
        for track in self.tracks:
            track.box = track.box + np.array([dx, dy, dx, dy], np.float32)

    def update(self, found: Detections, frame: tuple[int, int]) -> list[Track]:
        """Take the detections of a frame of this width and height; return the tracks."""
        limits = self.options
        pairs = []
        for row, track in enumerate(self.tracks):
            shared = overlaps(track.box, found.boxes)
            pairs += [(-float(shared[i]), row, i) for i in np.flatnonzero(shared >= np.float32(limits.match_iou))]
        free, seen = set(range(len(found))), set()
        for _, row, index in sorted(pairs):
            if row not in seen and index in free:
                seen.add(row)
                free.discard(index)
                self._continue(self.tracks[row], found, index)
        for row, track in enumerate(self.tracks):
            if row not in seen:
                track.misses += 1
        self.tracks = [one for one in self.tracks if one.misses <= limits.max_misses and _is_visible(one.box, frame)]
        for index in sorted(free):
            box, score = found.boxes[index], float(found.scores[index])
            followed = [track.box for track in self.tracks if not track.misses]
            crowded = bool(followed) and float(overlaps(box, np.stack(followed)).max()) > limits.crowd
            if score >= limits.new_score and not crowded:
                self.tracks.append(Track(self._next_id, box.copy(), score, int(found.labels[index])))
                self._next_id += 1
        return self.tracks

    def _continue(self, track: Track, found: Detections, index: int) -> None:
        track.box = track.box + np.float32(_SMOOTHING) * (found.boxes[index] - track.box)
        track.score += _SCORE_SMOOTHING * (float(found.scores[index]) - track.score)
        track.label = int(found.labels[index]) or track.label
        track.hits += 1
        track.misses = 0

    def main(self, frame: tuple[int, int]) -> Track | None:
        """Return the thing that the camera points at: large, central, surely there."""
        best, highest = None, 0.0
        for track in self.tracks:
            weight = _weight(track, frame) if track.hits >= self.options.min_hits and not track.misses else 0.0
            if weight > highest:
                best, highest = track, weight
        return best


def _is_visible(box: Floats, frame: tuple[int, int]) -> bool:
    """Return whether the middle of a box lies in the frame."""
    x, y = (float(box[0]) + float(box[2])) / 2, (float(box[1]) + float(box[3])) / 2
    return 0 <= x <= frame[0] and 0 <= y <= frame[1]


def _weight(track: Track, frame: tuple[int, int]) -> float:
    """Return score * root of the area's share * nearness to the middle, 0..1."""
    width, height = frame
    x1, y1, x2, y2 = (float(side) for side in track.box)
    share = max(0.0, x2 - x1) * max(0.0, y2 - y1) / (width * height)
    away = (((x1 + x2) / width - 1) ** 2 + ((y1 + y2) / height - 1) ** 2) / 2  # 0 in the middle, 1 in a corner
    return float(track.score * min(1.0, share) ** 0.5 * (1 - 0.8 * away))
