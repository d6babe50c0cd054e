"""`whatsit evaluate ranking|stages|geometry|open-set`: gain and cost of stages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whatsit.cli.options import DATA, AsJson, Data, FalsePositives

if TYPE_CHECKING:
    from rich.progress import Progress

    from whatsit.calibration.ranker_examples import Examples

Work = Annotated[Path, typer.Option(help="Where the catalogues are built and kept.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the figures to this file too.")]
Rerank = Annotated[
    list[str] | None, typer.Option("--rerank", help="A choice of stages, may be repeated; default: all.")
]
RankerPhotos = Annotated[int, typer.Option(min=20, help="Photos that the ranker is trained on.")]
_WIDE = 250
WORK = Path("build/runs/evaluate-ranking")


def register(app: typer.Typer) -> None:
    """Add the verbs to `whatsit evaluate`."""
    app.command(epilog="Example: whatsit evaluate ranking --csv perf/results/ranking.csv")(ranking)
    app.command(epilog="Example: whatsit evaluate stages --data ../shared/data")(stages)
    app.command(epilog="Example: whatsit evaluate geometry --csv perf/results/geometry.csv")(geometry)
    app.command("open-set", epilog="Example: whatsit evaluate open-set --csv perf/results/open_set.csv")(open_set)


def ranking(
    data: Data = DATA,
    work: Work = WORK,
    train: Annotated[bool, typer.Option(help="Measure on the train photos as catalogue too (2,640 photos).")] = True,
    split: Annotated[str, typer.Option(help="val, or train to choose a default by.")] = "val",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many photos.")] = None,
    timed: Annotated[int, typer.Option(min=0, help="Photos on which times are taken.")] = 30,
    callers: Annotated[int, typer.Option(min=1, help="Callers at once where recall alone is measured.")] = 4,
    ranker_photos: RankerPhotos = 300,
    choices: Rerank = None,
    file: Csv = None,
    as_json: AsJson = False,
) -> None:
    """Measure recall and latency of ranking stages on groceries, through a server.

    No stage, each alone, all, and the default.
    """
    from typing import cast

    from whatsit.evaluation.datasets.grocery import GroceryStore, Split
    from whatsit.evaluation.reports.csv_table import write_table
    from whatsit.studies.server_ablation import CHOICES, ServerAblation

    if split not in ("val", "train"):
        raise typer.BadParameter(f"'{split}' is neither val nor train.", param_hint="--split")
    grocery = GroceryStore(data / "grocery_store")
    grocery.check()
    with _progress(as_json) as bar:
        ablation = ServerAblation(
            grocery,
            work,
            _fit,
            choices or CHOICES,
            cast(Split, split),
            limit,
            timed,
            callers,
            ranker_photos,
            _progress_of(bar),
        )
        rows = [row for with_train in ([False, True] if train else [False]) for row in ablation.rows(with_train)]
    if file is not None:
        write_table(rows, file)
    _print("ranking stages through the server", rows, as_json)


def stages(
    data: Data = DATA,
    work: Work = Path("build/runs/evaluate-stages"),
    train: Annotated[bool, typer.Option(help="Measure on the train photos as catalogue too (2,640 photos).")] = True,
    seed: Annotated[int, typer.Option(min=0, max=999, help="Which drawn shop; training uses 1000 and up.")] = 2,
    scenes: Annotated[int, typer.Option(min=1, help="Scenes of the drawn shop.")] = 100,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            "--min-rank",
            min=0,
            max=2,
            help="Threshold of matches and answers; default: the server's for matches.",
        ),
    ] = None,
    choices: Rerank = None,
    as_json: AsJson = False,
) -> None:
    """Measure recall of the stages that need vectors alone, in this process.

    Data: groceries, and true boxes of the rendered shop.
    """
    from whatsit.evaluation.datasets.grocery import GroceryStore
    from whatsit.ranking.score import MATCH_SCORE
    from whatsit.studies.ranking_ablation import CHOICES, Ablation

    with _progress(as_json) as bar:
        ablation = Ablation(
            work, MATCH_SCORE if min_score is None else min_score, choices or CHOICES, _progress_of(bar)
        )
        grocery = GroceryStore(data / "grocery_store")
        rows = [row for part in ([False, True] if train else [False]) for row in ablation.grocery(grocery, part)]
        rows += ablation.shop(seed, scenes=scenes)
    _print("ranking stages, in process", rows, as_json)


def geometry(
    data: Data = DATA,
    work: Work = WORK,
    labels: Annotated[int, typer.Option(min=20, help="Labels in the catalogue of labels, and photos of them.")] = 130,
    many: Annotated[int, typer.Option(min=0, help="Labels to measure the shortlist among; 0 for none.")] = 10_000,
    workers: Annotated[int, typer.Option(min=1, help="Labels drawn at once.")] = 4,
    file: Csv = None,
    as_json: AsJson = False,
) -> None:
    """Measure R@1 and milliseconds of vectors, geometry and both.

    The recall of visual words among many pictures is measured too.
    """
    from whatsit.evaluation.datasets.grocery import GroceryStore
    from whatsit.evaluation.reports.csv_table import write_table
    from whatsit.studies.geometry_study import GeometryStudy

    with _progress(as_json) as bar:
        study = GeometryStudy(work, _progress_of(bar))
        grocery = GroceryStore(data / "grocery_store")
        groups = sorted({item.group for item in grocery.gallery()}, reverse=True)
        rows = [study.labels(labels, labels), *(study.grocery(grocery, group) for group in groups)]
        rows += [study.many(many, workers=workers)] if many else []
    if file is not None:
        write_table(rows, file)
    _print("geometry beside vectors", rows, as_json)


def open_set(
    data: Data = DATA,
    work: Work = WORK,
    false_positives: FalsePositives = 0.05,
    photos: RankerPhotos = 200,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many val photos.")] = None,
    synthetic: Annotated[
        bool, typer.Option(help="Train and calibrate on synthetic photos instead of train photos.")
    ] = False,
    file: Csv = None,
    as_json: AsJson = False,
) -> None:
    """Measure coverage against false accepts with 16 grocery classes taken out."""
    from whatsit.evaluation.datasets.grocery import GroceryStore
    from whatsit.studies.open_set_stages import measure_open_set, summary, write_curves

    with _progress(as_json) as bar:
        curves = measure_open_set(
            GroceryStore(data / "grocery_store"),
            work,
            _fit,
            false_positives,
            photos,
            limit,
            real=not synthetic,
            advanced=_progress_of(bar),
        )
    if file is not None:
        write_curves(curves, file)
    _print("open set", [summary(one) for one in curves], as_json)


def _fit(examples: Examples, out: Path) -> object:
    """Train a ranker; serving, which prepares catalogues, does not know of training."""
    from whatsit.calibration.ranker_training import train_ranker
    from whatsit.ranking.learned import FEATURES

    return train_ranker(examples.features, examples.right, examples.photos, FEATURES, out, examples.fingerprint)


def _progress(quiet: bool) -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True), disable=quiet)


def _progress_of(bar: Progress) -> Callable[[str, int, int], None]:
    task = bar.add_task("")
    return lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _print(title: str, rows: list[Any], as_json: bool) -> None:
    """Print a table of dataclasses, or JSON."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    records = [asdict(row) for row in rows]
    if as_json:
        typer.echo(json.dumps(records, indent=1))
        return
    table = Table(*records[0], title=title)
    for record in records:
        table.add_row(*(_cell(name, value) for name, value in record.items()))
    # A table in a file may be wider than any terminal.
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}" if name.endswith("_ms") else f"{value:.3f}"
