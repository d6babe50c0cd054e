"""`whatsit evaluate answers`: answers on data that they were not fitted to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import DATA, AsJson, Data

COLUMNS = (
    "domain",
    "known",
    "first",
    "right",
    "wrong",
    "unsure",
    "left out",
    "answered",
    "strangers",
    "answered",
    "coverage",
    "ECE",
    "was right",
    "was wrong",
    "was answered",
    "strangers",
)


def answers(
    data: Data = DATA,
    work: Annotated[Path, typer.Option(help="Catalogues and looked-up photos; what is there is used again.")] = Path(
        "build/runs/answer"
    ),
    only: Annotated[list[str] | None, typer.Option(help="Only these domains; may be repeated.")] = None,
    rerank: Annotated[str | None, typer.Option(help="Ranking stages; the server's default unless given.")] = None,
    printed: Annotated[
        Path | None, typer.Option(help="Labels and covers of `perf.identify.geometry_prints make --work DIR`.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="Write the reliability diagram to this PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure answers: right, wrong, unsure, and how true their probabilities are.

    Every photo of a known item is looked up twice, with its item in the catalogue and with it taken out.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from whatsit.cli.progress_bar import progress_bars
    from whatsit.studies.answers.domains import measured_domains
    from whatsit.studies.answers.look_up import kept_episodes, look_up
    from whatsit.studies.answers.measure import answer_figures
    from whatsit.studies.answers.reliability import draw_reliability

    domains = measured_domains(data, work, printed)
    unknown = sorted(set(only or ()) - set(domains))
    if unknown:
        raise typer.BadParameter(
            f"There is no domain '{unknown[0]}'; there are {', '.join(domains)}.", param_hint="--only"
        )
    seen = {}
    with progress_bars(as_json) as bar:
        for name, make in domains.items():
            if not only or name in only:
                step = lambda done, total, name=name: bar(f"Looking up {name}", done, total)  # noqa: E731
                kept = f"{name}.{rerank or 'default'}.measured"
                seen[name] = kept_episodes(work, kept, lambda: look_up(make(), work, (rerank,), advanced=step))  # noqa: B023
    figures = {name: answer_figures(of) for name, of in seen.items()}
    if figure is not None:
        draw_reliability(seen, figure)
    if as_json:
        typer.echo(json.dumps({name: asdict(one) for name, one in figures.items()}, indent=1))
        return
    table = Table(title="answers, %")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "domain" else "right")
    for name, one in figures.items():
        table.add_row(name, *(_cell(value) for value in asdict(one).values()))
    Console(width=None if Console().is_terminal else 200).print(table)


def _cell(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{100 * value:.1f}"
