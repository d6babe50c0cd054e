"""Measurement of a catalogue's answer threshold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.calibration.calibrator import Calibrator
from whatsit.evaluation.metrics.open_set import OpenSet
from whatsit.pipeline.networks import Networks
from whatsit.search.calibrated_threshold import Calibration
from whatsit.search.offline_identifier import OfflineIdentifier


def calibrate(
    catalogue: Path,
    false_positives: float,
    photos: Path | None = None,
    limit: int = 300,
    workers: int = 1,
    model_repository: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Calibration, OpenSet, int]:
    """Measure a catalogue's threshold and write it into its folder.

    A running server uses it from the next call.

    Args:
        catalogue: the catalogue's folder.
        false_positives: share of photos of absent items that may be accepted, 0..1.
        photos: folder of real photos (see `Calibrator.real`); None makes synthetic ones of the catalogue's pictures.
        limit: at most so many photos.
        workers: photos looked up at once.
        model_repository: networks instead of Whatsit's own.
        progress: called with photos done and photos in all.

    Returns:
        What was written, the scores behind it, and how many files could not be read.

    Raises:
        InvalidInput: there is nothing to measure on, or the target is outside 0..1 or cannot be met.
        Unavailable: nothing is published, a network is missing, or the file cannot be written.
        Damaged: index, store or network cannot be read.
    """
    with Networks(model_repository) as networks:
        calibrator = Calibrator(catalogue, networks)
        chosen = calibrator.synthetic(limit) if photos is None else calibrator.real(photos)
        chosen = chosen[:: -(-len(chosen) // limit)] if chosen else []
        seen = []
        for done, scores in enumerate(calibrator.see(chosen, workers), start=1):
            seen.append(scores)
            progress(done, len(chosen))
        readable = [scores for scores in seen if scores is not None]
        if not readable:
            raise InvalidInput(
                f"None of the {len(seen)} pictures behind {photos or catalogue} can be read: "
                "put them back, or give photos with --photos."
            )
        open_set = OpenSet(readable)
        probabilities = None
        identifier = OfflineIdentifier(catalogue, networks)
        if identifier.retriever.is_trained:
            judged = []
            for done, judgement in enumerate(calibrator.see_probabilities(chosen, identifier, workers), start=1):
                judged += [judgement] if judgement is not None else []
                progress(done, len(chosen))
            probabilities = OpenSet(judged)
        origin = "synthetic" if photos is None else str(photos)
        found = calibrator.calibration(open_set, false_positives, origin, probabilities)
    try:
        found.write(calibrator.layout.calibration)
    except OSError as error:
        raise Unavailable(f"{calibrator.layout.calibration} cannot be written ({error}).") from error
    return found, open_set, len(seen) - len(readable)
