"""The command `whatsit feedback`: record which item a photo shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import ServerUrl


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(epilog="Example: whatsit feedback photo.jpg P00001 --box 100,80,300,400")(feedback)


def feedback(
    photo: Annotated[Path, typer.Argument(help="A picture.", show_default=False)],
    item: Annotated[str, typer.Argument(metavar="ID", help="Id of the item that it shows.", show_default=False)],
    box: Annotated[
        str | None, typer.Option(help="Where the thing is: x1,y1,x2,y2 in pixels; the whole photo unless given.")
    ] = None,
    catalogue: Annotated[
        str | None, typer.Option(help="Name of one of the server's catalogues; the default one unless given.")
    ] = None,
    url: ServerUrl = "localhost:8001",
) -> None:
    """Record which match was chosen for a photo; `whatsit train ranker` uses it.

    The server keeps the photo in the catalogue's folder.
    """
    from whatsit_client.client import Client

    from whatsit.cli.identify import read_box

    with Client(url) as client:
        kept = client.feedback(photo, item, None if box is None else read_box(box), catalogue=catalogue)
    typer.echo(f"Kept. The catalogue has {kept} such choices; 'whatsit train ranker DIR' learns from them.")
