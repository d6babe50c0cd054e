"""`whatsit evaluate identify`: how good the whole service is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import AsJson


def register(app: typer.Typer) -> None:
    """Add the verb to `whatsit evaluate`."""
    app.command(epilog="Example: whatsit evaluate identify --data ../shared/data/grocery_store --scenes 60")(identify)


def identify(
    data: Annotated[Path, typer.Option(help="The grocery_store data set.")] = Path("../shared/data/grocery_store"),
    work: Annotated[Path, typer.Option(help="Where the catalogues are built.")] = Path("build/runs/evaluate-identify"),
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many photos, evenly spread.")] = None,
    scenes: Annotated[
        int, typer.Option(min=0, help="Collages of val photos, and as many drawn scenes; two to four products each.")
    ] = 60,
    as_json: AsJson = False,
) -> None:
    """Measure recall of a running server on val photos and scenes of several products.

    Triton is started on the 81 shop images, and pictures are sent over gRPC.

    Searching the whole picture alone is compared with searching detected regions; both are read from one reply.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from whatsit.studies.identify_accuracy import evaluate_grocery

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("indexing, starting Triton", total=None)

        def started(what: str, total: int) -> None:
            progress.reset(task, description=what, total=total)

        report = evaluate_grocery(data, work, limit, scenes, started, lambda: progress.advance(task))
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=1))
        return
    console = Console(width=None if Console().is_terminal else 140)
    table = Table("photos", "number", "searched", "R@1", "R@5", title="grocery val photos -> 81 shop images, gRPC")
    for row in report.rows:
        table.add_row(row.group, str(row.queries), row.mode, f"{row.recall_at_1:.1%}", f"{row.recall_at_5:.1%}")
    console.print(table)
    if report.scenes:
        table = Table(title="several products in a picture: share of them named")
        columns = ("first of a region", "top 5 of a region", "top 5 in one list")
        boxed = ("boxed, IoU 0.5", "boxed and first", "boxed and top 5")
        for column in ("scenes", "number", "products", "searched", *columns, *boxed):
            table.add_column(column, justify="left" if column in {"scenes", "searched"} else "right")
        for line in report.scenes:
            shares = (line.first, line.top5, line.merged5, line.boxed, line.boxed_first, line.boxed_top5)
            table.add_row(
                line.group, str(line.scenes), str(line.items), line.mode, *(f"{100 * share:.1f}" for share in shares)
            )
        console.print(table)
    typer.echo(
        f"{report.calls} + {report.scene_calls} calls, nv_inference_request_success of identify rose by "
        f"{report.successes}; {report.regions:.1f} regions a photo; gate closed on {report.gated}; answer right on "
        f"{report.answered / report.calls:.1%} of the photos; median {report.median_ms:.0f} ms a photo, one caller."
    )
