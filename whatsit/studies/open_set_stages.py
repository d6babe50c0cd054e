"""Open-set study of ranking stages.

16 grocery classes are left out of the catalogue, and their photos must find nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from whatsit_client.errors import Unavailable

from whatsit.calibration.calibrator import Calibrator, Photo, photo_scores
from whatsit.calibration.ranker_examples import collect
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.evaluation.metrics.open_set import OpenSet, PhotoScores, Point
from whatsit.index.shard import Numbers
from whatsit.pipeline.networks import Networks
from whatsit.search.offline_identifier import OfflineIdentifier, PhotoFeatures, best_values
from whatsit.studies.grocery_catalogues import Advanced, Fit, grocery_catalogue, left_out, train_photos

_LEVELS = 201
CHOICES = ("none", "surprise", "geometry", "learned", "geometry,learned")


@dataclass(frozen=True)
class StageCurve:
    """Open-set curve of one choice of stages.

    Args:
        stages: value of `rerank`.
        calibrated: on the val photos, at the threshold that calibration picked for the target without seeing them.
        at_target: the point of the val curve whose false accepts just meet the target.
        curve: over all thresholds.
    """

    stages: str
    calibrated: Point
    at_target: Point
    curve: Sequence[Point]


def measure_open_set(
    grocery: GroceryStore,
    work: Path,
    fit: Fit,
    false_positives: float = 0.05,
    photos: int = 300,
    limit: int | None = None,
    real: bool = True,
    advanced: Advanced = lambda what, done, total: None,
) -> list[StageCurve]:
    """Train and calibrate on one part, measure on val photos of 65 and 16 classes.

    The 65 are in the catalogue, the 16 are not.

    Args:
        grocery: the data set.
        work: where the catalogue is kept.
        fit: trains the ranker, see `prepare_ranker`.
        false_positives: the target of calibration.
        photos: to train the ranker on, and as many others to calibrate on.
        limit: only so many val photos; None for all.
        real: the ranker and the thresholds are made on train photos of the 65 classes, with their items in the
            catalogue and taken out in turn; else on synthetic photos of the shop images. The 16 are seen in neither.
        advanced: called with the step, how much of it is done, and its total.
    """
    without = {item.label for item in grocery.gallery() if left_out(item.label)}
    catalogue = grocery_catalogue(grocery, work, advanced, without=without)
    with Networks() as networks:
        calibrator = Calibrator(catalogue, networks)
        known = train_photos(grocery, calibrator, 2 * photos) if real else calibrator.synthetic(2 * photos)
        training, calibrating = known[::2], known[1::2]
        examples = collect(
            calibrator,
            OfflineIdentifier(catalogue, networks),
            training,
            lambda done, total: advanced("searching photos for the ranker", done, total),
        )
        fit(examples, calibrator.layout.ranker)
        identifier = OfflineIdentifier(catalogue, networks)
        thresholds = _score_photos(calibrator, identifier, calibrating, "calibrating", advanced)
        val = _score_photos(calibrator, identifier, _val_photos(grocery, calibrator, limit), "val photos", advanced)
    curves = []
    for choice in CHOICES:
        threshold = OpenSet(thresholds[choice]).threshold(false_positives)
        absent = [one.impostor for one in val[choice] if one.genuine is None]
        # False accepts are counted on photos of the 16 classes, coverage on photos of the 65.
        seen = OpenSet([*(PhotoScores(other) for other in absent), *_present_only(val[choice])])
        on_val = OpenSet([PhotoScores(other) for other in absent]).threshold(false_positives)
        levels = np.unique(
            np.quantile(np.concatenate([seen.impostors, seen.genuine, [0.0, 2.0]]), np.linspace(0, 1, _LEVELS))
        )
        curve = [_at(seen, len(absent), float(level)) for level in levels]
        curves.append(StageCurve(choice, _at(seen, len(absent), threshold), _at(seen, len(absent), on_val), curve))
    return curves


@dataclass(frozen=True)
class Summary:
    """Row of the table: shares of val photos, 0..1, at both thresholds.

    One is the calibrated threshold, the other meets the target on val.
    """

    stages: str
    threshold: float
    false_accepts: float
    coverage: float
    right: float
    coverage_at_target: float
    right_at_target: float


def summary(one: StageCurve) -> Summary:
    """Return a curve's row of the table."""
    picked, best = one.calibrated, one.at_target
    shares = (
        picked.false_accepts,
        picked.coverage or 0.0,
        picked.right or 0.0,
        best.coverage or 0.0,
        best.right or 0.0,
    )
    return Summary(one.stages, picked.min_score, *shares)


def _present_only(photos: Sequence[PhotoScores]) -> list[PhotoScores]:
    """Return photos of known things with their rivals, counted as known alone."""
    return [PhotoScores(0.0, one.genuine, one.rival) for one in photos if one.genuine is not None]


def _at(seen: OpenSet, absent: int, level: float) -> Point:
    """Return the curve's point at a threshold.

    Photos of known things that count as absent ones with value 0 are left out.
    """
    point = seen.at(level)
    accepts = float((seen.impostors[:absent] >= np.float32(level)).mean()) if absent else 0.0
    return Point(level, accepts, point.coverage, point.right)


def _val_photos(grocery: GroceryStore, calibrator: Calibrator, limit: int | None) -> list[Photo]:
    numbers = calibrator.numbers()
    return [
        Photo(path, numbers.get(item.name), item.name if item.name in numbers else "")
        for path, item in grocery.photos(limit=limit)
    ]


def _score_photos(
    calibrator: Calibrator, identifier: OfflineIdentifier, photos: Sequence[Photo], what: str, advanced: Advanced
) -> dict[str, list[PhotoScores]]:
    """Return the scores of each photo for each choice of stages.

    The networks run once for every photo.
    """
    found: dict[str, list[PhotoScores]] = {choice: [] for choice in CHOICES}
    for done, photo in enumerate(photos, start=1):
        features = identifier.extract(calibrator.picture(photo))
        absent = calibrator.absent(photo)
        rest = calibrator.without(photo)
        present = _values(identifier, features, None)
        gone = _values(identifier, features, rest) if photo.item is not None else present
        for choice in CHOICES:
            found[choice].append(photo_scores(present[choice], gone[choice], photo.item, absent))
        advanced(what, done, len(photos))
    return found


def _values(
    identifier: OfflineIdentifier, features: PhotoFeatures, allowed: Numbers | None
) -> dict[str, Mapping[int, float]]:
    """Return the value of each item for each choice of stages.

    What `learned` adds is computed on the others' matches.
    """
    found = {}
    for stages in ("none", "surprise", "geometry"):
        matches = identifier.matches(features, stages, allowed)
        found[stages] = best_values(matches)
        if stages != "surprise":
            found["learned" if stages == "none" else f"{stages},learned"] = best_values(
                identifier.apply_ranker(matches)
            )
    return found


def write_curves(curves: Sequence[StageCurve], file: Path) -> None:
    """Write all curves as one CSV.

    `point` marks the calibrated point and the one that meets the target on val.

    Raises:
        Unavailable: the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="", encoding="utf-8") as table:
            rows = csv.writer(table)
            rows.writerow(("stages", "point", "threshold", "false_accepts", "coverage", "right"))
            for one in curves:
                for name, points in (("calibrated", [one.calibrated]), ("target", [one.at_target]), ("", one.curve)):
                    for point in points:
                        shares = (point.false_accepts, point.coverage or 0.0, point.right or 0.0)
                        rows.writerow((one.stages, name, *(round(v, 4) for v in (point.min_score, *shares))))
    except OSError as error:
        raise Unavailable(f"{file} cannot be written ({error}).") from error
