"""Calibration of a catalogue's answers for one embedder: `calibration.json`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from whatsit_client.errors import Damaged

from whatsit.ranking.answer import AnswerRule
from whatsit.search.watched_file import WatchedFile

FORMAT = 2
FORMER = 1  # a threshold of the score, up to version 0.2
REPAIR = "run 'whatsit calibrate' again or delete it"


@dataclass(frozen=True)
class Calibration:
    """Result of `whatsit calibrate`.

    Args:
        fingerprint: of the embedder that it is for.
        generation: the index that it was measured on.
        items: in that index.
        slope: of the answer model's logit (Platt 1999), above 0.
        offset: of the same.
        found: probability that an answer needs, 0..1.
        false_positives: the target, share of photos of absent items that may be accepted, 0..1.
        false_accepts: the share that was.
        coverage: share of photos of present items that were answered rightly; None where there was no such photo.
        wrong: share of them that were answered wrongly; None where there was no such photo.
        absent: number of photos of absent items.
        present: number of photos of present items.
        photos: "synthetic", or the folder of real ones.
        created: UTC, ISO 8601.
        found_by_ranker: the same threshold for the stage `learned`; None where the catalogue had no trained ranker.
        format: version of the file.
    """

    fingerprint: str
    generation: str
    items: int
    slope: float
    offset: float
    found: float
    false_positives: float
    false_accepts: float
    coverage: float | None
    wrong: float | None
    absent: int
    present: int
    photos: str
    created: str
    found_by_ranker: float | None = None
    format: int = FORMAT

    def write(self, path: Path) -> None:
        """Replace the file; a reader sees the old or the new one."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def read(cls, path: Path) -> Calibration | None:
        """Read a calibration.

        None where there is no file, or one of a former version, which has no probability.

        Raises:
            Damaged: the file cannot be read, or is of a newer format.
        """
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Damaged(f"{path} cannot be read ({error}); {REPAIR}.") from error
        if isinstance(known, dict) and known.get("format") == FORMER and {"answer_score", "answer_rank"} & set(known):
            print(f"{path} is of a former version and no longer counts; run 'whatsit calibrate' again.", flush=True)
            return None
        names = {f.name for f in fields(cls)}
        if not isinstance(known, dict) or known.get("format") != FORMAT or set(known) != names:
            raise Damaged(f"{path} is no calibration of format {FORMAT}; {REPAIR}.")
        for name, most in (("found", 1.0), ("found_by_ranker", 1.0), ("slope", 100.0)):
            optional = name == "found_by_ranker" and known[name] is None
            if not optional and not _within(known[name], most):
                raise Damaged(f"{path} has the {name} {str(known[name])[:20]} outside 0..{most:g}; {REPAIR}.")
        return cls(**known)


class CalibratedAnswer:
    """The rule of answers for a catalogue.

    A new calibration counts from the next call.

    Args:
        path: the file, which need not be there.
        fingerprint: of the embedder in use; a calibration of another one does not count.
        rule: without a calibration.

    Raises:
        Damaged: the file is there and cannot be read.
    """

    def __init__(self, path: Path, fingerprint: str, rule: AnswerRule) -> None:
        self._fingerprint, self._rule = fingerprint, rule
        self._file = WatchedFile(path, Calibration.read, "calibration")

    def __call__(self, floor: float) -> AnswerRule:
        """Return the rule for lists that hold no score below `floor`, 0..2."""
        known = self._file()
        if known is None or known.fingerprint != self._fingerprint:
            return replace(self._rule, floor=floor)
        model = replace(self._rule.model, slope=known.slope, offset=known.offset)
        by_ranker = self._rule.found_by_ranker if known.found_by_ranker is None else known.found_by_ranker
        return replace(
            self._rule, model=model, found=known.found, found_by_ranker=by_ranker, calibrated=True, floor=floor
        )


def _within(value: Any, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 <= value <= most
