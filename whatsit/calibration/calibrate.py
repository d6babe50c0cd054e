"""Adaptation of the answer's probability to one catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.calibration.answer_episodes import Episode, episodes
from whatsit.calibration.calibrator import RANKER_STAGES, Calibrator
from whatsit.catalogue.serving_pair import own_network
from whatsit.evaluation.metrics.open_set import OpenSet, PhotoScores
from whatsit.pipeline.networks import Networks
from whatsit.ranking.answer_model import FOUND, logistic, logit
from whatsit.search.answer_calibration import Calibration
from whatsit.search.offline_identifier import OfflineIdentifier

# A first match that is less likely right than wrong is no answer, whatever the target.
LEAST = 0.5
# Real photos of known items from which slope and offset are fitted; with fewer the threshold alone is.
FEWEST = 20
# Strength of the prior that the shipped model is right as it is, in photos.
PRIOR = 10.0


def calibrate(
    catalogue: Path,
    false_positives: float,
    photos: Path | None = None,
    limit: int = 300,
    workers: int = 1,
    model_repository: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    write: Callable[[Calibration, Path], object] = Calibration.write,
) -> tuple[Calibration, OpenSet, int]:
    """Fit a catalogue's probability and threshold and write them into its folder.

    A running server uses them from the next call. Each photo is looked up with its item and without it. Synthetic
    photos resemble their pictures more than real ones do: they can make an answer need more, never less. With `FEWEST`
    real photos of known items the probability is scaled too (Platt 1999).

    Args:
        catalogue: the catalogue's folder.
        false_positives: share of photos of absent items that may be accepted, 0..1.
        photos: folder of real photos (see `Calibrator.real`); None makes synthetic ones of the catalogue's pictures.
        limit: at most so many photos.
        workers: photos looked up at once.
        model_repository: networks instead of Whatsit's own.
        progress: called with photos done and photos in all.
        write: puts the calibration into its file.

    Returns:
        What was measured, the probabilities behind it, and how many files could not be read.

    Raises:
        InvalidInput: there is nothing to measure on, or the target is outside 0..1 or cannot be met.
        Unavailable: nothing is published, a network is missing, or the file cannot be written.
        Damaged: index, store or network cannot be read.
    """
    with Networks(model_repository, embedder=own_network(catalogue)) as networks:
        calibrator = Calibrator(catalogue, networks)
        chosen = calibrator.synthetic(limit) if photos is None else calibrator.real(photos)
        chosen = chosen[:: -(-len(chosen) // limit)] if chosen else []
        identifier = OfflineIdentifier(catalogue, networks, calibrated=False)
        trained = identifier.retriever.is_trained
        ranker = [RANKER_STAGES if calibrator.generation.words is not None else "learned"] if trained else []
        seen: list[list[Episode]] = []
        for one in episodes(calibrator, identifier, chosen, (None, *ranker), workers):
            seen.append(one)
            progress(len(seen), len(chosen))
    readable = [one for one in seen if one]
    if not readable:
        raise InvalidInput(
            f"None of the {len(seen)} pictures behind {photos or catalogue} can be read: "
            "put them back, or give photos with --photos."
        )
    step = 2 if ranker else 1
    plain = [episode for one in readable for episode in one[::step]]
    real = photos is not None
    slope, offset = fit_platt(plain) if real else (1.0, 0.0)
    measured = open_set(plain, slope, offset)
    found = min(max(measured.threshold(false_positives), LEAST if real else FOUND), 1.0)
    by_ranker = None
    if ranker:
        judged = open_set([episode for one in readable for episode in one[1::step]])
        by_ranker = min(judged.threshold(false_positives), 1.0)
    point = measured.at(found)
    known = Calibration(
        fingerprint=calibrator.fingerprint,
        generation=calibrator.generation.name,
        items=calibrator.generation.manifest.items,
        slope=slope,
        offset=offset,
        found=found,
        false_positives=false_positives,
        false_accepts=point.false_accepts,
        coverage=point.right,
        wrong=wrong_share(plain, slope, offset, found),
        absent=len(measured.impostors),
        present=len(measured.genuine),
        photos=str(photos) if real else "synthetic",
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        found_by_ranker=by_ranker,
    )
    try:
        write(known, calibrator.layout.calibration)
    except OSError as error:
        raise Unavailable(f"{calibrator.layout.calibration} cannot be written ({error}).") from error
    return known, measured, len(seen) - len(readable)


def open_set(seen: Sequence[Episode], slope: float = 1.0, offset: float = 0.0) -> OpenSet:
    """Return the probabilities of answers as the scores of an open set.

    A present item that is not first counts with probability 0 and its rival's.
    """
    known = {one.photo: one for one in seen if one.present}
    scores = []
    for one in seen:
        if one.present:
            continue
        impostor, own = _scaled(one, slope, offset), known.get(one.photo)
        if own is None:
            scores.append(PhotoScores(impostor))
        else:
            p = _scaled(own, slope, offset)
            scores.append(PhotoScores(impostor, p if own.answer_right else 0.0, 0.0 if own.answer_right else p))
    return OpenSet(scores)


def fit_platt(seen: Sequence[Episode]) -> tuple[float, float]:
    """Return slope and offset of the logit, likeliest with a prior at 1 and 0.

    With fewer than `FEWEST` photos of known items they are 1 and 0.
    """
    if sum(one.present for one in seen) < FEWEST:
        return 1.0, 0.0
    logits = logit(np.array([one.answer.probability for one in seen]))
    right = np.array([one.answer_right for one in seen], dtype=np.float64)
    design: npt.NDArray[np.float64] = np.stack([logits, np.ones_like(logits)], axis=1)
    prior, fitted = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    for _ in range(100):  # minorisation by the largest curvature, p (1 - p) = 1/4, cannot overshoot (Böhning 1992)
        gradient = design.T @ (logistic(design @ fitted) - right) + PRIOR * (fitted - prior)
        fitted = fitted - np.linalg.solve(design.T @ design / 4 + PRIOR * np.eye(2), gradient)
    return round(max(float(fitted[0]), 0.1), 4), round(float(fitted[1]), 4)


def wrong_share(seen: Sequence[Episode], slope: float, offset: float, found: float) -> float | None:
    """Return the share of photos of present items that are answered wrongly.

    None without such a photo."""
    known = [one for one in seen if one.present]
    if not known:
        return None
    wrong = [_scaled(one, slope, offset) >= found and not one.answer_right for one in known]
    return round(sum(wrong) / len(known), 4)


def _scaled(one: Episode, slope: float, offset: float) -> float:
    return float(logistic(slope * logit(np.array([one.answer.probability])) + offset)[0])
