"""`whatsit evaluate classifier`: the gate, the source and the tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import DATA, WEIGHTS, AsJson, Data, OnnxThreads, Weights

if TYPE_CHECKING:
    from whatsit.evaluation.datasets.classifier_sets import EvaluationSet
    from whatsit.evaluation.datasets.gate_sets import GateRow

FROZEN = "mobilenet_v2_1.0_224_float.onnx"
_COLUMNS = {
    "false other": "false_other",
    "other kept": "other_kept",
    "intent": "intent_accuracy",
    "source": "source",
    "tag": "tag",
    "tag top 5": "tag_top5",
    "topic": "topic",
}
_Figures = Mapping[str, Mapping[str, float]]


def register(app: typer.Typer) -> None:
    """Add the verb to `whatsit evaluate`."""
    app.command(epilog="Example: whatsit evaluate classifier --model model_repository/classifier/1/model.onnx")(
        classifier
    )


def classifier(
    model: Annotated[Path, typer.Option(help="The ONNX file that takes the classifier's place.")] = Path(
        "model_repository/classifier/1/model.onnx"
    ),
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    drawn: Annotated[Path, typer.Option(help="Where drawn pictures are kept.")] = Path(
        "build/runs/evaluate-classifier"
    ),
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for gate.png, topics.png and confusions.png (with pictures of the data)."),
    ] = None,
    held_out: Annotated[Path, typer.Option(help="Names of the coco128 pictures that training left out.")] = Path(
        "build/detector.heldout.txt"
    ),
    threads: OnnxThreads = 1,
    as_json: AsJson = False,
) -> None:
    """Measure gate, source and tags on pictures that training never saw.

    The frozen ImageNet network, its classes summed into tags and intents, is measured too. The share of photos on which
    both have the same best tag is of whole photos; the ImageNet photos are those of classes kept out of training.

    The gate is measured on coco128, bsds500, ikea and trashnet too, as far as they are under --data.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from whatsit.engines.onnx_runner import OnnxRunner
    from whatsit.engines.open_runner import open_runner
    from whatsit.evaluation.datasets import classifier_sets as report
    from whatsit.evaluation.datasets.gate_sets import gate_sets, measure_gate
    from whatsit.evaluation.datasets.labelled_pictures import read_names
    from whatsit.evaluation.reports import classifier_plots as pictures

    with Console(stderr=True).status("composing and classifying"):
        sets = report.evaluation_sets(data, drawn)
        with open_runner(model, threads) as own, OnnxRunner(weights / FROZEN, threads) as frozen:
            classify = {"classifier": report.served_classifier(own.run), "frozen": report.frozen_classifier(frozen.run)}
            runs = {name: report.run_classifier(one, sets) for name, one in classify.items()}
            others = gate_sets(data, read_names(held_out) if held_out.is_file() else frozenset())
            gate = {name: measure_gate(one, others, runs[name], sets) for name, one in classify.items()}
    figures = {name: report.score_classifier(found, sets) for name, found in runs.items()}
    same = report.agreement(runs["classifier"], runs["frozen"])
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        pictures.draw_gate_curve(runs, sets, out / "gate.png")
        pictures.draw_topic_confusion(runs["classifier"], sets, out / "topics.png")
        pictures.draw_confusions(runs["classifier"], sets, out / "confusions.png")
    if as_json:
        known = {
            name: {part: {k: v for k, v in row.items() if v == v} for part, row in rows.items()}
            for name, rows in figures.items()
        }
        rows = {name: [asdict(row) for row in part] for name, part in gate.items()}
        typer.echo(json.dumps({**known, "teacher_agreement": same, "gate_elsewhere": rows}, indent=1))
        return
    title = f"{model} ({model.stat().st_size / 1e6:.1f} MB); the frozen ImageNet network in brackets"
    _print(title, sets, figures["classifier"], figures["frozen"], same)
    _print_gate(gate["classifier"], gate["frozen"])


def _print(
    title: str, sets: Sequence[EvaluationSet], own: _Figures, frozen: _Figures, same: Mapping[str, float]
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for column in ("pictures", "number", *_COLUMNS):
        table.add_column(column, justify="left" if column == "pictures" else "right")
    for judged in sets:
        row, other = own[judged.name], frozen[judged.name]
        cells = [_beside(row[key], other.get(key)) for key in _COLUMNS.values()]
        table.add_row(judged.name, f"{row['pictures']:.0f}", *cells)
    Console(width=None if Console().is_terminal else 140).print(table)
    typer.echo(
        f"Gate: AUC {own['gate']['auc']:.4f} ({frozen['gate']['auc']:.4f}), false accepts at 95 % coverage "
        f"{own['gate']['false_accepts_95']:.1%} ({frozen['gate']['false_accepts_95']:.1%}): goods in the grocery "
        "and clothing photos against held-out ImageNet photos without goods."
    )
    typer.echo(
        "Best tag as the frozen network's: "
        + ", ".join(f"{name} {share:.1%}" for name, share in same.items())
        + " (groceries and garments are tagged otherwise on purpose)."
    )


def _print_gate(own: Sequence[GateRow], frozen: Sequence[GateRow]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="the gate on pictures of other sources; AUC of goods against strangers")
    for column in ("pictures", "number", "gate open", "AUC"):
        table.add_column(column, justify="left" if column == "pictures" else "right")
    for row, other in zip(own, frozen, strict=True):
        area = "-" if row.auc is None or other.auc is None else f"{row.auc:.4f} ({other.auc:.4f})"
        table.add_row(row.name, str(row.pictures), _beside(row.passed, other.passed), area)
    Console(width=None if Console().is_terminal else 140).print(table)


def _beside(own: float, other: float | None) -> str:
    """Format a share in percent with the other network's in brackets.

    A dash means nothing to measure.
    """
    shown = "-" if own != own else f"{100 * own:.1f}"
    return shown if other is None or other != other else f"{shown} ({100 * other:.1f})"
