from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture, read_labels
from whatsit.evaluation.datasets.labelled_pictures import picture_files
from whatsit.labelling.score_thresholds import NEVER, measure_thresholds
from whatsit.labelling.self_training import Plan, Report, run_rounds
from whatsit.pipeline.box_detectors import Pixels

TRUE = (10.0, 20.0, 50.0, 70.0)
WRONG = (0.0, 0.0, 9.0, 9.0)
PRECISE = Box.of_corners(TRUE, "cup", score=0.9, origin="round")


class Eye:
    """Finds the thing surely, or doubtfully in dark pictures, and something wrong with a low score."""

    def __init__(self) -> None:
        self.calls = 0

    def find(self, pixels: Pixels, least: float) -> list[Box]:
        self.calls += 1
        score = 0.9 if pixels.mean() > 60 else 0.5
        return [replace(PRECISE, score=score), Box.of_corners(WRONG, "cup", score=0.45, origin="round")]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty bright pictures, of which the first fifteen come with labels, and four dark ones without."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(24):
        cv2.imwrite(str(folder / f"{number:02d}.png"), np.full((80, 80, 3), 30 if number >= 20 else 120, np.uint8))
    return folder


@pytest.fixture
def plan(photos: Path, tmp_path: Path) -> Plan:
    given = [Picture(f"{n:02d}.png", 80, 80, (Box.of_corners(TRUE, "cup"),)) for n in range(15)]
    return Plan(photos, LabelFile(tuple(given)), tmp_path / "work", rounds=2, precision=0.9)


class Trainer:
    """Writes down what it was given."""

    def __init__(self, finishes: bool = True) -> None:
        self.runs: list[tuple[list[str], list[str]]] = []
        self.finishes = finishes

    def __call__(self, learnt: Sequence[Picture], examined: Sequence[Picture], out: Path) -> bool:
        self.runs.append(([p.file for p in learnt], [p.file for p in examined]))
        return self.finishes


def go(plan: Plan, trainer: Trainer, eye: Eye | None = None) -> Report:
    seen = eye or Eye()
    return run_rounds(plan, picture_files(plan.photos), trainer, lambda file, origin: seen, Console(quiet=True))


def rewrite(table: Path, decisions: dict[int, str]) -> None:
    rows = list(csv.DictReader(table.open()))
    for row in rows:
        row["decision"] = decisions.get(int(row["number"]), "")
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_thresholds_follow_the_precision_that_is_asked_for() -> None:
    right = [Box.of_corners((x, 0, x + 10, 10), score=s) for x, s in ((0, 0.9), (20, 0.6), (40, 0.3))]
    wrong = [Box.of_corners((x, 50, x + 10, 60), score=s) for x, s in ((0, 0.5), (20, 0.2), (40, 0.15))]
    truth = Picture("p", 99, 99, (*(Box.of_corners(box.corners) for box in right), Box(60, 0, 10, 10)))
    strict = measure_thresholds([[*right, *wrong]], [truth], 1.0, 0.05)
    assert (strict.sure, strict.recall, strict.boxes) == (0.6, 0.5, 4)
    loose = measure_thresholds([[*right, *wrong]], [truth], 0.7, 0.05)
    assert (loose.sure, loose.doubtful) == (0.3, 0.15)
    assert loose.recall == 0.75
    hopeless = measure_thresholds([wrong], [truth], 0.9, 0.05)
    assert hopeless.sure == NEVER
    doubtful = replace(truth, boxes=(*truth.boxes, replace(wrong[0], doubtful=True)))
    assert measure_thresholds([[*right, wrong[0]]], [doubtful], 1.0, 0.05).sure == 0.3  # no mistake on a doubtful place


def test_rounds_keep_ask_and_go_on_with_a_persons_word(plan: Plan) -> None:
    trainer = Trainer()
    first = go(plan, trainer)
    assert first.waiting == plan.work / "round-1" / "review.csv"
    learnt, examined = trainer.runs[0]
    assert examined == ["04.png", "09.png", "14.png"]
    assert not set(learnt) & set(examined)
    row = first.rows[0]
    # Half of the boxes from 0.45 on are right, so those are worth a look; from 0.9 on all are.
    assert (row["sure_from"], row["kept"], row["doubtful"], row["dropped"]) == (0.9, 5, 4 + 9, 0)

    assert go(plan, trainer).waiting == first.waiting  # nobody has decided: it waits on, and trains nothing
    assert len(trainer.runs) == 1

    labels = read_labels(plan.work / "round-1" / "labels.json")
    asked = [(p.file, box.corners) for p in labels.pictures for box in p.boxes if box.doubtful]
    verdicts = {n: "keep" if corners == TRUE else "drop" for n, (_, corners) in enumerate(asked, start=1)}
    rewrite(first.waiting, verdicts)
    second = go(plan, trainer)
    assert len(trainer.runs) == 2
    assert {f"{n:02d}.png" for n in range(15, 24)} <= set(trainer.runs[1][0])
    assert second.waiting is None  # all that is doubtful was decided in round 1
    assert second.rows[1]["doubtful"] == 0
    final = read_labels(plan.work / "labels.json")
    assert len(final.pictures) == 24
    assert all([box.corners for box in picture.boxes] == [TRUE] for picture in final.pictures)
    assert {box.origin for box in final.by_file()["22.png"].boxes} == {"person"}
    log = [json.loads(line) for line in (plan.work / "round-2" / "decisions.jsonl").read_text().splitlines()]
    assert {entry["decision"] for entry in log} == {"keep", "drop"}
    assert len(list(csv.DictReader((plan.work / "rounds.csv").open()))) == 2


def test_a_labelling_tools_export_takes_the_tables_place(plan: Plan) -> None:
    first = go(plan, Trainer())
    labels = read_labels(plan.work / "round-1" / "labels.json")
    exported = [replace(p, boxes=tuple(b for b in p.boxes if b.corners == TRUE)) for p in labels.pictures]
    LabelFile(tuple(exported)).write(first.waiting.with_name("review.json"))
    second = go(plan, Trainer())
    assert second.waiting is None
    assert second.rows[1]["doubtful"] == 0
    final = read_labels(plan.work / "labels.json")
    assert all([box.corners for box in picture.boxes] == [TRUE] for picture in final.pictures)


def test_without_review_the_rounds_go_through(plan: Plan) -> None:
    trainer = Trainer()
    report = go(replace(plan, review=False), trainer)
    assert report.waiting is None
    assert len(report.rows) == 2
    # Dark pictures, on which nothing was sure, are not trained on as if they were empty.
    assert "21.png" not in trainer.runs[1][0]
    assert "16.png" in trainer.runs[1][0]
    doubtful = [box for p in read_labels(plan.work / "labels.json").pictures for box in p.boxes if box.doubtful]
    assert len(doubtful) == 13


def test_an_interrupted_round_goes_on_where_it_stopped(plan: Plan) -> None:
    assert go(plan, Trainer(finishes=False)).interrupted

    class Crash(Eye):
        def find(self, pixels: Pixels, least: float) -> list[Box]:
            if self.calls == 3 + 5:
                raise KeyboardInterrupt
            return super().find(pixels, least)

    with pytest.raises(KeyboardInterrupt):
        go(plan, Trainer(), Crash())
    eye = Eye()
    go(plan, Trainer(), eye)
    assert eye.calls == 9 - 5
    crashed = (plan.work / "round-1" / "labels.json").read_bytes()
    other = replace(plan, work=plan.work.with_name("other"))
    go(other, Trainer())
    assert (other.work / "round-1" / "labels.json").read_bytes() == crashed


def test_what_cannot_be_is_said(plan: Plan) -> None:
    with pytest.raises(InvalidInput, match="at least 10"):
        go(replace(plan, given=LabelFile(plan.given.pictures[:5])), Trainer())
    go(replace(plan, review=False), Trainer())
    with pytest.raises(InvalidInput, match="other labels or --precision"):
        go(replace(plan, precision=0.5), Trainer())
    for number in range(15, 24):
        (plan.photos / f"{number}.png").unlink()
    with pytest.raises(InvalidInput, match="labelled already"):
        go(replace(plan, work=plan.work.with_name("new")), Trainer())
