"""The command `whatsit doctor`: what is wrong on this machine, and what to do."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson, ModelRepository

if TYPE_CHECKING:
    from whatsit.server.doctor.check_result import CheckResult

_STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Example: whatsit doctor demo/catalogue",
        help="Check machine, libraries, networks, ports and a catalogue, and print what to do.",
    )(doctor)


def doctor(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A catalogue's folder.", show_default=False)
    ] = None,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Check machine, libraries, networks, ports and a catalogue, and print what to do.

    Nothing is changed. The exit code is 1 where a server or a command would fail.
    """
    from rich.console import Console
    from rich.text import Text

    results = []
    console = Console()
    for result in _results(folder, model_repository):
        results.append(result)
        if as_json:
            continue
        console.print(Text(f"{result.state:<6}", style=_STYLES[result.state]), Text(f"{result.area}: {result.what}"))
        if result.advice:
            console.print(Text(f"       -> {result.advice}", style="bold"))
    counts = Counter(result.state for result in results)
    if as_json:
        print(json.dumps({"checks": [dataclasses.asdict(one) for one in results]}, ensure_ascii=False, indent=1))
    else:
        console.print(f"{counts['ok']} in order, {counts['note']} noted, {counts['wrong']} wrong.", highlight=False)
    if counts["wrong"]:
        raise typer.Exit(1)


def _results(folder: Path | None, model_repository: Path | None) -> Iterator[CheckResult]:
    from whatsit.server.doctor.machine_check import check_machine

    yield from check_machine()
    from whatsit.server.doctor.installation_check import check_libraries, check_networks, check_ports

    yield from check_libraries()
    yield from check_networks(model_repository)
    yield from check_ports()
    if folder is not None:
        from whatsit.server.doctor.catalogue_check import check_folder

        yield from check_folder(folder, model_repository)
