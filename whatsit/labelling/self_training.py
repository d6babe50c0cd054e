"""Self-training in rounds: train, label the rest, keep sure boxes, review others.

A fifth of the labelled pictures is held out to measure the score thresholds. So the network that the rounds start from
must not have been trained on those pictures either. Each round has a folder:

    round-1/run/              the training run (metrics.csv, metrics.png, best.pt)
    round-1/thresholds.json   scores from which boxes are kept and reviewed, and the recall
    round-1/found.jsonl       all boxes of the round's network on the unlabelled pictures, by picture
    round-1/labels.json       kept boxes, and doubtful ones as `iscrowd`
    round-1/review.csv|html   the doubtful ones, for a person; review.json, a COCO export of a labelling tool that was
                              given labels.json, takes the table's place where somebody puts it there
    round-1/decisions.jsonl   the decision on every box, and its origin
    labels.json               given and gained labels together, after the last whole round

Every stage writes its file at its end and is skipped where the file exists, so an interrupted run resumes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.label_file import LabelFile, Picture, read_labels, write_atomically
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.labelling.label_folder import label_pictures
from whatsit.labelling.review_page import write_sheet
from whatsit.labelling.review_table import Decision, decide, read_review, undecided, write_table
from whatsit.labelling.score_thresholds import Thresholds, measure_thresholds
from whatsit.labelling.triage import triage
from whatsit.pipeline.box_detectors import Finder
from whatsit.training.common.custom_data import hold_out

_FEWEST = 10
_FLOOR = 0.05

Train = Callable[[Sequence[Picture], Sequence[Picture], Path], bool]
"""Trains on the first pictures, validates on the second, writes `best.pt` into the folder; False where interrupted."""


@dataclass(frozen=True)
class Plan:
    """Settings of the rounds.

    Args:
        photos: the folder of all pictures.
        given: initial labels; their file names are relative to `photos`.
        work: the folder of the rounds.
        rounds: how many.
        precision: share of the kept boxes that should be right, 0..1.
        review: whether to stop after each round until a person has reviewed the doubtful boxes.
    """

    photos: Path
    given: LabelFile
    work: Path
    rounds: int = 3
    precision: float = 0.9
    review: bool = True


@dataclass
class Report:
    """State of the rounds.

    Args:
        rows: a row for each whole round.
        waiting: the review that a person has to go through before the next round, if any.
        interrupted: True after Ctrl-C in training.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    waiting: Path | None = None
    interrupted: bool = False


def run_rounds(
    plan: Plan,
    files: Sequence[str],
    train: Train,
    open_network: Callable[[Path, str], Finder],
    console: Console,
    track: Callable[[Sequence[Any], str], Iterable[Any]] = lambda items, heading: items,
) -> Report:
    """Run the rounds, or resume them.

    Args:
        plan: what to do.
        files: all pictures below `plan.photos`.
        train: trains a detector.
        open_network: opens a checkpoint; its second argument is the origin that its boxes name.
        console: where progress goes.
        track: wraps the iterable with a progress bar.

    Raises:
        InvalidInput: too few labels, nothing to label, or `plan.work` is of another plan.
    """
    names = set(files)
    given = sorted((p for p in plan.given.pictures if p.file in names), key=lambda p: p.file)
    if len(given) < _FEWEST or not any(p.boxes for p in given):
        raise InvalidInput(
            f"Only {len(given)} labelled pictures were found in {plan.photos}: rounds need at least {_FEWEST} with "
            "boxes, whose file names are relative to that folder."
        )
    labelled = {picture.file for picture in given}
    rest = [file for file in files if file not in labelled]
    if not rest:
        raise InvalidInput(f"Every picture in {plan.photos} is labelled already: add pictures without labels.")
    _same_plan(plan, given)
    training, held_out = hold_out(given)
    report, gained = Report(), LabelFile(())
    for number in range(1, plan.rounds + 1):
        folder = plan.work / f"round-{number}"
        if not (folder / "labels.json").is_file():
            # A picture without sure boxes is not empty: training on it would make its objects background.
            more = [picture for picture in gained.pictures if any(not box.doubtful for box in picture.boxes)]
            console.print(f"Round {number}: {len(training)} given and {len(more)} gained pictures train.")
            if not train([*training, *more], held_out, folder / "run"):
                report.interrupted = True
                return report
            finder = open_network(folder / "run" / "best.pt", f"round {number}")
            thresholds = _thresholds(folder / "thresholds.json", finder, held_out, plan, track)
            found = label_pictures(
                plan.photos,
                rest,
                lambda _, pixels, finder=finder: finder.find(pixels, _FLOOR),  # type: ignore[misc]  # mypy: lambda default
                folder / "found.jsonl",
                {"round": number},
                lambda left, number=number: track(left, f"Round {number} labels pictures"),  # type: ignore[misc]
                lambda file: console.print(f"{file} cannot be read and is left out."),
            )
            _write_round(folder, plan, triage(found, thresholds, _by_person(plan.work, number), number), thresholds)
        report.rows.append(json.loads((folder / "summary.json").read_text(encoding="utf-8")))
        gained, waiting = _reviewed(folder, plan, last=number == plan.rounds)
        _finish_round(plan, given, gained, report)
        if waiting is not None:
            report.waiting = waiting
            return report
    return report


def _same_plan(plan: Plan, given: Sequence[Picture]) -> None:
    """Refuse a work folder that was begun from other labels or with another precision."""
    boxes = [[p.file, *(list(box.corners) for box in p.boxes)] for p in given]
    mine = json.loads(json.dumps({"precision": plan.precision, "given": boxes}))
    file = plan.work / "plan.json"
    if file.is_file():
        if json.loads(file.read_text(encoding="utf-8")) != mine:
            raise InvalidInput(
                f"The rounds in {plan.work} began with other labels or --precision: choose another --out."
            )
        return
    plan.work.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(mine))


def _thresholds(
    file: Path,
    finder: Finder,
    held_out: Sequence[Picture],
    plan: Plan,
    track: Callable[[Sequence[Any], str], Iterable[Any]],
) -> Thresholds:
    if not file.is_file():
        boxes = [
            finder.find(read_rgb(plan.photos / p.file), _FLOOR) for p in track(held_out, "Examining held-out pictures")
        ]
        write_atomically(file, json.dumps(asdict(measure_thresholds(boxes, held_out, plan.precision, _FLOOR))))
    return Thresholds(**json.loads(file.read_text(encoding="utf-8")))


def _write_round(folder: Path, plan: Plan, triaged: tuple[LabelFile, list[Decision]], thresholds: Thresholds) -> None:
    """Write the round's files; `labels.json` comes last and marks it complete."""
    labels, log = triaged
    write_atomically(folder / "decisions.jsonl", "".join(json.dumps(decision.row()) + "\n" for decision in log))
    asked = write_table(labels, folder / "review.csv")
    title = f"{folder.name}: {asked} doubtful boxes"
    write_sheet(labels, plan.photos, folder / "review.html", title, "review.csv")
    verdicts = [decision.verdict for decision in log]
    summary = {
        "round": int(folder.name.rsplit("-", 1)[1]),
        "sure_from": thresholds.sure,
        "doubtful_from": thresholds.doubtful,
        "held_out_recall": thresholds.recall,
        "held_out_boxes": thresholds.boxes,
        "kept": verdicts.count("keep"),
        "doubtful": verdicts.count(""),
        "dropped": verdicts.count("drop"),
    }
    write_atomically(folder / "summary.json", json.dumps(summary))
    labels.write(folder / "labels.json")


def _reviewed(folder: Path, plan: Plan, last: bool) -> tuple[LabelFile, Path | None]:
    """Return the round's labels with decisions applied, and the open review."""
    labels, table = read_labels(folder / "labels.json"), _review(folder)
    decisions = read_review(table, labels)
    if not decisions or undecided(decisions):
        return labels, table if decisions and plan.review and not last else None
    person = [d.row() for d in decisions if d.verdict]
    write_atomically(folder / "person.jsonl", "".join(json.dumps(row) + "\n" for row in person))
    return decide(labels, decisions), None


def _review(folder: Path) -> Path:
    export = folder / "review.json"
    return export if export.is_file() else folder / "review.csv"


def _by_person(work: Path, number: int) -> list[Decision]:
    """Return a person's decisions of the rounds before `number`."""
    decisions: list[Decision] = []
    for earlier in range(1, number):
        folder = work / f"round-{earlier}"
        decisions += [d for d in read_review(_review(folder), read_labels(folder / "labels.json")) if d.verdict]
    return decisions


def _finish_round(plan: Plan, given: Sequence[Picture], gained: LabelFile, report: Report) -> None:
    pictures = (*given, *(replace(picture, id=None) for picture in gained.pictures))
    renumbered = (replace(p, id=None, boxes=tuple(replace(box, id=None) for box in p.boxes)) for p in pictures)
    LabelFile(tuple(renumbered), plan.given.categories).write(plan.work / "labels.json")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(report.rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(report.rows)
    write_atomically(plan.work / "rounds.csv", text.getvalue())
