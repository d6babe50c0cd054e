"""What a scanner sent of a film, against the truth about each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from whatsit.rendering.film import Film, FrameTruth


@dataclass(frozen=True)
class Sent:
    """One frame that was sent.

    Args:
        decided: index of the frame with which it was decided.
        chosen: index of the frame that was sent.
    """

    decided: int
    chosen: int


@dataclass
class JudgedFilm:
    """One film.

    Args:
        kind: of the film.
        seed: of the film.
        frames: how many.
        things: stops of which one frame should be sent.
        once: stops of which exactly one was sent.
        missed: stops of which none was sent.
        again: frames sent beyond the first one of a stop.
        moving: frames sent while the camera moved.
        wrong: frames sent of what should not be sent: the pause of a touch-and-go, a blurred or dark thing, a wall.
        sharpness: of each sent frame, as a share of the sharpest one of its stop.
        delay_ms: from stillness to sending.
        focus_delay_ms: from stillness and focus to sending.
    """

    kind: str
    seed: int
    frames: int
    things: int = 0
    once: int = 0
    missed: int = 0
    again: int = 0
    moving: int = 0
    wrong: int = 0
    sharpness: list[float] = field(default_factory=list)
    delay_ms: list[float] = field(default_factory=list)
    focus_delay_ms: list[float] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Return whether exactly one frame was sent of each thing, and nothing else."""
        return self.once == self.things and not (self.again or self.moving or self.wrong)

    def to_record(self) -> dict[str, Any]:
        """Return the film as a JSON object."""
        return asdict(self)


def judge(film: Film, seed: int, sent: Sequence[Sent]) -> JudgedFilm:
    """Compare what was sent of a film with its truth."""
    truth = film.truth
    found = JudgedFilm(film.kind, seed, len(truth))
    for index, stop in enumerate(film.path.stops):
        there = [one for one in sent if truth[one.decided].still and truth[one.decided].hold == index]
        if not stop.expected:
            found.wrong += len(there)
            continue
        found.things += 1
        found.once += len(there) == 1
        found.missed += not there
        found.again += max(0, len(there) - 1)
        if there:
            _measure(film, index, there[0], found)
    found.moving = sum(not truth[one.decided].still or not truth[one.chosen].still for one in sent)
    found.wrong += sum(truth[one.decided].still and truth[one.decided].hold < 0 for one in sent)
    return found


def _measure(film: Film, index: int, one: Sent, found: JudgedFilm) -> None:
    """Add sharpness and delays of the first frame that was sent of a stop."""
    truth, stop = film.truth, film.path.stops[index]
    there = [frame for frame in truth if frame.hold == index]
    found.sharpness.append(truth[one.chosen].sharpness / max(frame.sharpness for frame in there))
    decided = truth[one.decided].time_ms
    still = there[0].time_ms
    focused = 1000 * (float(film.path.begins[index]) + (stop.focus_seconds if stop.defocus else 0.0))
    found.delay_ms.append(decided - still)
    found.focus_delay_ms.append(decided - max(still, focused))


def index_at(truth: Sequence[FrameTruth], time_ms: float) -> int:
    """Return the frame that was taken nearest to a time."""
    return min(range(len(truth)), key=lambda index: abs(truth[index].time_ms - time_ms))
