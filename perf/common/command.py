"""Start of a measurement's command line, and its common options."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from whatsit_client.errors import InvalidInput, WhatsitError

from perf import missing_package
from perf.common.setting import ROOT

Data = Annotated[Path, typer.Option(help="Folder that holds the data sets.")]
Out = Annotated[Path, typer.Option(help="Folder of the results.")]
Table = Annotated[Path, typer.Option(help="CSV file for the figures.")]
CatalogueOption = Annotated[Path | None, typer.Option(help="Published catalogue; the demo's by default.")]
PhotosOption = Annotated[Path | None, typer.Option(help="Folder of pictures to send; the demo's by default.")]
DATA = ROOT.parent / "shared" / "data"


def run_command(command: Callable[..., Any]) -> None:
    """Run a command line; an error of the library ends it with one sentence.

    Args:
        command: a function whose parameters are the options, or a Typer application.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # contexts end and stop their servers
    script = Path(sys.argv[0])
    name = script.parent.name if script.stem == "__main__" else script.stem
    try:
        if isinstance(command, typer.Typer):
            command()
        else:
            typer.run(command)
    except WhatsitError as error:
        sys.exit(f"{name}: {error}")
    except ModuleNotFoundError as error:
        sentence = missing_package(error)
        if sentence is None:
            raise
        sys.exit(sentence)
    except KeyboardInterrupt:
        sys.exit(130)


def positive_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a comma list.

    Raises:
        InvalidInput: it is none, or a number is below 1.
    """
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise InvalidInput(f"'{text}' is no comma list of numbers above 0: write 1,4,16.")
    return found


def chosen(text: str, known: Any, what: str) -> list[str]:
    """Return the names of a comma list.

    Raises:
        InvalidInput: a name is none of `known`, or there are none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or set(names) - set(known):
        unknown = ", ".join(name for name in names if name not in known) or f"'{text}'"
        raise InvalidInput(f"There is no {what} {unknown}; choose of {', '.join(known)}.")
    return names
