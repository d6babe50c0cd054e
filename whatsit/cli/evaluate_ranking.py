"""`whatsit evaluate ranking`: what each ranking stage does to recall."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to `whatsit evaluate`."""
    app.command(epilog="Example: whatsit evaluate ranking --data ../shared/data")(ranking)


def ranking(
    data: Annotated[Path, typer.Option(help="Folder that holds the data sets.")] = Path("../shared/data"),
    work: Annotated[Path, typer.Option(help="Where the catalogues are built and kept.")] = Path(
        "build/runs/evaluate-ranking"
    ),
    train: Annotated[bool, typer.Option(help="Measure on the train photos as catalogue too (2,640 photos).")] = True,
    seed: Annotated[int, typer.Option(min=0, max=999, help="Which drawn shop; training uses 1000 and up.")] = 2,
    scenes: Annotated[int, typer.Option(min=1, help="Scenes of the drawn shop.")] = 100,
    min_rank: Annotated[
        float, typer.Option(min=0, max=2, help="Threshold of matches and answers; the server drops matches below 0.9.")
    ] = 0.9,
    stages: Annotated[
        list[str] | None, typer.Option("--rerank", help="A choice of stages, may be repeated; each alone unless told.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Recall of no ranking stage, each alone and the default, without a server; each query is embedded once."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from whatsit.evaluation.grocery import GroceryStore
    from whatsit.serving.ablation import CHOICES, Ablation

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("")
        ablation = Ablation(
            work,
            min_rank,
            stages or CHOICES,
            lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )
        grocery = GroceryStore(data / "grocery_store")
        rows = [row for part in ([False, True] if train else [False]) for row in ablation.grocery(grocery, part)]
        rows += ablation.shop(seed, scenes=scenes)
    if json_:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1))
        return
    table = Table("data", "queries", "stages", "R@1", "R@5", "category@1", "answer", title="ranking stages, in process")
    for row in rows:
        figures = (row.recall_at_1, row.recall_at_5, row.category_at_1, row.answered)
        table.add_row(row.data, str(row.queries), row.stages, *(f"{100 * figure:.1f}" for figure in figures))
    Console().print(table)
