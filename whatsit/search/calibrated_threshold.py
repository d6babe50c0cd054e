"""Threshold measured for one catalogue and one embedder: `calibration.json`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from whatsit_client.errors import Damaged

from whatsit.ranking.answer import MIN_CONFIDENCE
from whatsit.search.watched_file import WatchedFile

FORMAT = 1
REPAIR = "run 'whatsit calibrate' again or delete it"


@dataclass(frozen=True)
class Calibration:
    """Result of `whatsit calibrate`.

    Args:
        fingerprint: of the embedder that the threshold is for.
        generation: the index that it was measured on.
        items: in that index.
        answer_score: the threshold, 0..2: an answer needs a match of this score.
        false_positives: the target, share of photos of absent items that may be accepted, 0..1.
        false_accepts: the share that was.
        coverage: share of photos of present items whose item passes the threshold; None where there was no such photo.
        right: share of them whose item passes it and is above all others; None where there was no such photo.
        absent: number of photos of absent items.
        present: number of photos of present items.
        photos: "synthetic", or the folder of real ones.
        created: UTC, ISO 8601.
        answer_confidence: the same threshold for the stage `learned`, 0..1: an answer needs a match of this
            probability; None where the catalogue had no trained ranker.
        format: version of the file.
    """

    fingerprint: str
    generation: str
    items: int
    answer_score: float
    false_positives: float
    false_accepts: float
    coverage: float | None
    right: float | None
    absent: int
    present: int
    photos: str
    created: str
    answer_confidence: float | None = None
    format: int = FORMAT

    def write(self, path: Path) -> None:
        """Replace the file; a reader sees the old or the new one."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def read(cls, path: Path) -> Calibration | None:
        """Read a calibration, None where there is no file.

        Raises:
            Damaged: the file cannot be read, or is of a newer format.
        """
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Damaged(f"{path} cannot be read ({error}); {REPAIR}.") from error
        names = {f.name for f in fields(cls)}
        if isinstance(known, dict):
            known.setdefault("answer_confidence", None)  # absent in files older than the trained ranker
            if "answer_rank" in known:  # the name up to version 0.1
                known.setdefault("answer_score", known.pop("answer_rank"))
        if not isinstance(known, dict) or known.get("format") != FORMAT or set(known) != names:
            raise Damaged(f"{path} is no calibration of format {FORMAT}; {REPAIR}.")
        score = known["answer_score"]
        if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0.0 <= score <= 2.0:
            raise Damaged(f"{path} has the answer_score {str(score)[:20]} outside 0..2; {REPAIR}.")
        confidence = known["answer_confidence"]
        if confidence is not None and not (isinstance(confidence, (int, float)) and 0.0 <= confidence <= 1.0):
            raise Damaged(f"{path} has the answer_confidence {str(confidence)[:20]} outside 0..1; {REPAIR}.")
        return cls(**known)


class CalibratedThreshold:
    """Follows a calibration file: a new one counts from the next call.

    Args:
        path: the file, which need not be there.
        fingerprint: of the embedder in use; a calibration of another one does not count.

    Raises:
        Damaged: the file is there and cannot be read.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._file = WatchedFile(path, Calibration.read, "calibration")

    def __call__(self) -> float | None:
        """Return the calibrated `answer_score`, None without one."""
        known = self._known()
        return None if known is None else known.answer_score

    def confidence(self) -> float:
        """Return the calibrated `answer_confidence`, the default without one."""
        known = self._known()
        return MIN_CONFIDENCE if known is None or known.answer_confidence is None else known.answer_confidence

    def _known(self) -> Calibration | None:
        known = self._file()
        return known if known is not None and known.fingerprint == self._fingerprint else None
