"""`whatsit label rounds|review|decide|reviewed|compare`: labels by people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.label.app import Labels, Photos, open_console, print_summary, progress_bar
from whatsit.cli.options import WEIGHTS, AsJson, Weights
from whatsit.cli.train.app import recipe_of, start_of


def register(app: typer.Typer) -> None:
    """Add the commands to `whatsit label`."""
    app.command(epilog="Example: whatsit label rounds photos --labels part.json --out rounds --minutes 10")(rounds)
    app.command(epilog="Example: whatsit label review labels.json photos --out review")(review)
    app.command(epilog="Example: whatsit label decide labels.json review/review.csv --out decided.json")(decide)
    app.command(epilog="Example: whatsit label reviewed demo/catalogue --out reviewed")(reviewed)
    app.command(epilog="Example: whatsit label compare weak.json trusted.json --single")(compare)


def rounds(
    photos: Photos,
    labels: Annotated[Path, typer.Option(help="COCO JSON of the part that is labelled, names relative to PHOTOS.")],
    out: Annotated[Path, typer.Option(help="Folder of the rounds.")] = Path("rounds"),
    number: Annotated[int, typer.Option("--rounds", min=1, help="Number of rounds.")] = 3,
    minutes: Annotated[float | None, typer.Option(min=0, help="Training time of each round.")] = None,
    precision: Annotated[
        float, typer.Option(min=0.1, max=1, help="Share of the kept boxes that should be right.")
    ] = 0.9,
    review: Annotated[
        bool, typer.Option(help="Stop after each round until somebody has decided on doubtful boxes.")
    ] = True,
    recipe: Annotated[Path | None, typer.Option(help="The detector's recipe; default: build/detector.yaml.")] = None,
    start: Annotated[
        str | None,
        typer.Option(help="imagenet (--weights), random, shipped, or a checkpoint; else as the recipe says."),
    ] = None,
    weights: Weights = WEIGHTS,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of torch.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train on the labelled part, label the rest, and review the doubtful boxes.

    The score from which boxes are kept is measured on a fifth of the labelled pictures, which is held out from training
    (a --start that was trained on them biases it). Doubtful boxes are written as a page (review.html) and a table
    (review.csv) to decide on; then the same command resumes. It resumes after Ctrl-C too.
    """
    import json

    from whatsit.evaluation.datasets.label_file import read_labels
    from whatsit.evaluation.datasets.labelled_pictures import picture_files
    from whatsit.labelling.round_training import detector_trainer
    from whatsit.labelling.self_training import Plan, run_rounds
    from whatsit.pipeline.box_detectors import trained_finder
    from whatsit.training.common.progress import counted
    from whatsit.training.common.resolve_recipe import resolve_recipe
    from whatsit.training.common.training_recipe import read_recipe
    from whatsit.training.detector.recipe import DetectorRecipe

    console = open_console()
    wanted = read_recipe(recipe or recipe_of("detector"), DetectorRecipe)
    wanted = resolve_recipe(wanted, start_of("detector", start), None, "recall")
    report = run_rounds(
        Plan(photos, read_labels(labels), out, number, precision, review),
        picture_files(photos),
        detector_trainer(wanted, photos, weights, minutes=minutes, threads=threads, console=console),
        trained_finder,
        console,
        lambda things, what: counted(things, what, console),
    )
    if as_json:
        waiting = str(report.waiting) if report.waiting else None
        result = {"rounds": report.rows, "waiting": waiting, "labels": str(out / "labels.json")}
        typer.echo(json.dumps(result, indent=1))
    else:
        for row in report.rows:
            triaged = f"kept {row['kept']}, doubtful {row['doubtful']}, dropped {row['dropped']} boxes"
            found = f"finds {row['held_out_recall']:.0%} of {row['held_out_boxes']} held-out boxes"
            typer.echo(f"round {row['round']}: {triaged}; from score {row['sure_from']:.2f} on it {found}")
    if report.interrupted:
        raise typer.Exit(130)
    if report.waiting:
        page = report.waiting.with_suffix(".html")
        typer.echo(
            f"Decide on the doubtful boxes: open {page} and put the file that it saves in place of {report.waiting} "
            "(or edit that, or put a labelling tool's COCO export there as review.json); then run this again. "
            "--no-review continues without.",
            err=True,
        )
    else:
        typer.echo(f"Labels: {out / 'labels.json'}.", err=True)


def review(
    labels: Labels,
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder that its file names are relative to.")],
    out: Annotated[Path, typer.Option(help="Folder for review.html and review.csv.")] = Path("review"),
    as_json: AsJson = False,
) -> None:
    """Write the doubtful boxes of a label file as a page of thumbnails and a table."""
    import json

    from whatsit.evaluation.datasets.label_file import read_labels
    from whatsit.labelling.review_page import write_sheet
    from whatsit.labelling.review_table import write_table

    read = read_labels(labels)
    asked = write_table(read, out / "review.csv")
    title = f"{labels.name}: {asked} doubtful boxes"
    write_sheet(
        read, photos, out / "review.html", title, "review.csv", progress_bar("Cutting thumbnails", open_console())
    )
    result = {"doubtful": asked, "page": str(out / "review.html"), "table": str(out / "review.csv")}
    typer.echo(json.dumps(result) if as_json else f"{asked} doubtful boxes: {result['page']}, {result['table']}")


def decide(
    labels: Labels,
    reviewed: Annotated[Path, typer.Argument(help="The edited review.csv, or a COCO JSON export of a labelling tool.")],
    out: Annotated[Path, typer.Option(help="The COCO JSON file to write.")] = Path("decided.json"),
    as_json: AsJson = False,
) -> None:
    """Apply a person's decisions.

    Kept boxes become sure, dropped ones are removed, open ones stay doubtful.

    Every decision is added to a log beside --out (NAME.decisions.jsonl).
    """
    import json

    from whatsit.evaluation.datasets.label_file import read_labels
    from whatsit.labelling.review_table import decide as apply
    from whatsit.labelling.review_table import read_review

    read = read_labels(labels)
    decisions = read_review(reviewed, read)
    decided = apply(read, decisions)
    decided.write(out)
    with out.with_suffix(".decisions.jsonl").open("a", encoding="utf-8") as log:
        log.writelines(json.dumps(decision.row()) + "\n" for decision in decisions)
    verdicts = [decision.verdict or "open" for decision in decisions]
    print_summary(decided, out, None, as_json, {name: verdicts.count(name) for name in ("keep", "drop", "open")})


def reviewed(
    catalogue: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a catalogue.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder that gets pictures/ and labels.json (COCO).")] = Path("reviewed"),
    as_json: AsJson = False,
) -> None:
    """Write the boxes that reviewers drew in the studio as labels for training."""
    import json

    from whatsit.catalogue.backends import open_embedded
    from whatsit.catalogue.review.box_labels import export_labels

    with open_embedded(catalogue, "where nothing is reviewed") as store:
        written, unread = export_labels(store, out)
    if as_json:
        typer.echo(json.dumps({"pictures": written, "unread": unread, "labels": str(out / "labels.json")}))
    else:
        lost = f"; {unread} could not be read" if unread else ""
        typer.echo(f"{written} pictures with a reviewer's boxes in {out / 'labels.json'}{lost}.")


def compare(
    labels: Labels,
    trusted: Annotated[Path, typer.Argument(metavar="TRUSTED", help="COCO JSON with boxes to judge by.")],
    single: Annotated[
        bool,
        typer.Option("--single", help="Count only pictures on which TRUSTED has one sure box (score 0.5, 5 % of it)."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how far labels agree with trusted boxes, at IoU 0.5.

    A centred box is measured beside them.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from whatsit.evaluation.datasets.label_file import read_labels
    from whatsit.labelling.agreement import agreement

    result = agreement(read_labels(labels), read_labels(trusted), single)
    if as_json:
        typer.echo(json.dumps(asdict(result), indent=1))
        return
    title = f"{labels} against {trusted}: {result.pictures} pictures, {result.truth} boxes"
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("trusted boxes found (IoU 0.5)", f"{result.found:.1%}")
    table.add_row("mean IoU of the best box", f"{result.mean_iou:.3f}")
    table.add_row(f"right of {result.boxes} boxes", f"{result.right:.1%}")
    table.add_row("of those with the same name", f"{result.named:.1%}")
    table.add_row("found by the centred box of 80 %", f"{result.centred:.1%}")
    Console().print(table)
