"""Review table of doubtful boxes: written, edited by a person, and read back.

    write_review(labels, photos, Path("review"))    # review.csv, review.html
    ...                                             # somebody writes keep or drop, or clicks and saves
    decide(labels, read_review(Path("review/review.csv")))

The table can be edited in any spreadsheet: `decision` takes keep or drop (also y or n), name and box may be corrected,
and a row without a number adds a box. What is left open stays doubtful.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from whatsit_client.errors import Damaged, InvalidInput

from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture, read_labels, renamed

Verdict = Literal["keep", "drop", ""]
_ROUNDING = 0.5
"""Pixels by which an untouched box may come back shifted."""
COLUMNS = ("number", "file", "x", "y", "width", "height", "name", "score", "decision")
_WORDS: Mapping[str, Verdict] = {
    "": "",
    **dict.fromkeys(("keep", "k", "y", "yes", "1", "true"), "keep"),  # type: ignore[dict-item]  # fromkeys widens the literal
    **dict.fromkeys(("drop", "d", "n", "no", "0", "false"), "drop"),  # type: ignore[dict-item]
}


@dataclass(frozen=True)
class Decision:
    """Decision on one box.

    Args:
        file: the picture.
        box: as decided, its name and corners perhaps corrected.
        verdict: "keep", "drop" or "" (still open).
        by: who decided, such as "person" or "round 2".
        number: of the box in the review; None for a box that was added.
    """

    file: str
    box: Box
    verdict: Verdict
    by: str
    number: int | None = None

    def row(self) -> dict[str, object]:
        """Return the decision as a row of a log."""
        x1, y1, x2, y2 = (round(v, 2) for v in self.box.corners)
        fields = {"file": self.file, "box": [x1, y1, x2, y2], "name": self.box.name, "score": self.box.score}
        return {**fields, "decision": self.verdict or "open", "by": self.by}


def doubtful_boxes(labels: LabelFile) -> list[tuple[Picture, Box]]:
    """Return the boxes of a review in the order of their numbers."""
    return [
        (picture, box)
        for picture in labels.pictures
        for box in sorted(picture.boxes, key=lambda box: -(box.score or 0))
        if box.doubtful
    ]


def write_table(labels: LabelFile, file: Path) -> int:
    """Write the table of doubtful boxes; returns how many there are."""
    rows = doubtful_boxes(labels)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, (picture, box) in enumerate(rows, start=1):
            score = "" if box.score is None else box.score
            writer.writerow([number, picture.file, box.x, box.y, box.width, box.height, box.name, score, ""])
    return len(rows)


def read_review(file: Path, labels: LabelFile) -> list[Decision]:
    """Read a person's decisions.

    Args:
        file: the edited table, or a COCO JSON export of a labelling tool that was given the same pictures. What is
            on a picture of an export was kept, moved or drawn by the person, and what is not there was dropped.
        labels: that the review was made of.

    Raises:
        InvalidInput: the file is not there, or a row is not understood.
        Damaged: the file has no such columns.
    """
    if file.suffix == ".json":
        return _from_export(file, labels)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The review {file} cannot be read: pass the CSV file that `whatsit label` wrote."
        ) from error
    # A spreadsheet may have saved it with semicolons.
    delimiter = ";" if text.split("\n", 1)[0].count(";") > text.split("\n", 1)[0].count(",") else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    if missing := {"number", "file", "decision"} - set(reader.fieldnames or ()):
        raise Damaged(f"The review {file} has no column '{min(missing)}': keep the header line as it was.")
    known = dict(enumerate(doubtful_boxes(labels), start=1))
    files = {picture.file for picture in labels.pictures}
    return [_decision(row, f"{file}, line {line}", known, files) for line, row in enumerate(reader, start=2)]


def _decision(
    row: Mapping[str, str | None], where: str, known: Mapping[int, tuple[Picture, Box]], files: set[str]
) -> Decision:
    word = (row["decision"] or "").strip().lower()
    if word not in _WORDS:
        raise InvalidInput(f"{where}: the decision '{word}' is not understood: write keep or drop, or leave it empty.")
    try:
        number = int(row["number"]) if row["number"] else None
        numbers = [_number(row.get(name)) for name in ("x", "y", "width", "height")]
    except ValueError as error:
        raise InvalidInput(f"{where}: {error.args[0].split(': ')[-1]} is not a number: correct it.") from error
    if number is None:
        if row["file"] not in files:
            raise InvalidInput(f"{where}: there is no picture '{row['file']}': correct its name.")
        if None in numbers:
            raise InvalidInput(f"{where}: a box without a number needs x, y, width and height.")
        x, y, width, height = (float(v) for v in numbers if v is not None)
        box = Box(x, y, width, height, row.get("name") or "object", origin="person")
        return Decision(str(row["file"]), box, _WORDS[word] or "keep", "person")
    if number not in known:
        raise InvalidInput(f"{where}: there is no box number {number} in this review: it has 1 to {len(known)}.")
    picture, box = known[number]
    edited = {name: v for name, v in zip(("x", "y", "width", "height"), numbers, strict=True) if v is not None}
    name = (row.get("name") or box.name).strip()
    return Decision(picture.file, replace(box, name=name, **edited), _WORDS[word], "person", number)  # type: ignore[arg-type]  # floats


def _number(text: str | None) -> float | None:
    return float(text.replace(",", ".")) if text and text.strip() else None


def _from_export(file: Path, labels: LabelFile) -> list[Decision]:
    """Read a person's changes from a labelling tool's export."""
    ours = labels.by_file()
    numbers = {id(box): number for number, (_, box) in enumerate(doubtful_boxes(labels), start=1)}
    decisions = []
    for picture in renamed(read_labels(file), ours).pictures:
        theirs = list(picture.boxes)
        for box in ours[picture.file].boxes:
            left = next((other for other in theirs if _same(box, other)), None)
            if left is not None:
                theirs.remove(left)
            if left is None or box.doubtful:
                verdict: Verdict = "drop" if left is None else "keep"
                decisions.append(Decision(picture.file, box, verdict, "person", numbers.get(id(box))))
        drawn = (replace(box, doubtful=False, origin="person", id=None) for box in theirs)
        decisions += [Decision(picture.file, box, "keep", "person") for box in drawn]
    return decisions


def _same(one: Box, other: Box) -> bool:
    """Return whether a box is unchanged up to the tools' rounding."""
    near = all(abs(a - b) < _ROUNDING for a, b in zip(one.corners, other.corners, strict=True))
    return near and one.name == other.name


def decide(labels: LabelFile, decisions: Sequence[Decision]) -> LabelFile:
    """Apply decisions: kept boxes become sure, dropped ones are removed."""
    boxes = doubtful_boxes(labels)
    of_box = {id(boxes[d.number - 1][1]): d for d in decisions if d.number is not None}
    added: dict[str, list[Box]] = {}
    dropped: dict[str, list[Box]] = {}
    for decision in decisions:
        if decision.number is None:
            (added if decision.verdict == "keep" else dropped).setdefault(decision.file, []).append(decision.box)
    pictures = []
    for picture in labels.pictures:
        kept: list[Box] = []
        for box in picture.boxes:
            decision_of = of_box.get(id(box))
            if decision_of is None or not decision_of.verdict:
                kept += [] if box in dropped.get(picture.file, []) else [box]
            elif decision_of.verdict == "keep":
                kept.append(replace(decision_of.box, doubtful=False, origin="person"))
        pictures.append(replace(picture, boxes=(*kept, *added.get(picture.file, []))))
    return replace(labels, pictures=tuple(pictures))


def undecided(decisions: Sequence[Decision]) -> bool:
    """Return whether all decisions are open."""
    return all(not decision.verdict for decision in decisions)
