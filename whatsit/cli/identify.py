"""The command `whatsit identify`: identify photos on a running server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import JsonLines, ServerUrl

if TYPE_CHECKING:
    from rich.table import Table
    from whatsit_client.identification import Identification
    from whatsit_client.types import Box


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Example: whatsit identify photo.jpg --top-k 5 --save photo.whatsit.png",
        help="Ask a running server what is in one or more photos.",
    )(identify)


def identify(
    photos: Annotated[
        list[Path],
        typer.Argument(help="Pictures: JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP, JPEG 2000.", show_default=False),
    ],
    box: Annotated[
        list[str] | None,
        typer.Option(help="Your own region x1,y1,x2,y2 in pixels, instead of the detector's; may be repeated."),
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Matches per region, 1..100; the server's default is 10.")] = None,
    where: Annotated[str | None, typer.Option(help='JSON filter on item fields, e.g. \'{"brand": "Arla"}\'.')] = None,
    min_score: Annotated[float | None, typer.Option(help="Drop matches with a lower score, 0..2.")] = None,
    min_rank: Annotated[float | None, typer.Option(hidden=True, help="Deprecated name of --min-score.")] = None,
    rerank: Annotated[str | None, typer.Option(help="Comma list of ranking stages, or none.")] = None,
    text: Annotated[
        str | None, typer.Option(help="Known words of its title, brand or size; items with them move up.")
    ] = None,
    catalogue: Annotated[
        str | None, typer.Option(help="Name of one of the server's catalogues; the default one unless given.")
    ] = None,
    gate: Annotated[
        bool,
        typer.Option("--gate/--no-gate", help="Skip the search for pictures of the intent 'other'."),
    ] = True,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Save the photo with its boxes and matches here; with several photos, a folder for PNG files."
        ),
    ] = None,
    as_json: JsonLines = False,
    url: ServerUrl = "localhost:8001",
    timeout: Annotated[float, typer.Option(help="Seconds that one photo may take.")] = 30.0,
) -> None:
    """Ask a running server what is in one or more photos."""
    from rich.console import Console
    from rich.progress import track
    from whatsit_client.client import Client
    from whatsit_client.errors import InvalidInput

    boxes = [read_box(text) for text in box] if box else None
    several = len(photos) > 1
    console, refused = Console(), 0
    with Client(url, timeout=timeout) as client:
        shown = track(photos, "Identifying", console=Console(stderr=True), transient=True, disable=not several)
        for photo in shown:
            try:
                result = client.identify(
                    photo,
                    top_k=top_k,
                    boxes=boxes,
                    where=where,
                    min_score=min_rank if min_score is None else min_score,
                    rerank=rerank,
                    text=text,
                    catalogue=catalogue,
                    gate=None if gate else False,
                )
                saved = _save(result, photo, save, several) if save else None
            except InvalidInput as error:
                if not several:
                    raise
                print(f"whatsit: {photo}: {error}", file=sys.stderr)
                refused += 1
                continue
            if as_json:
                print(json.dumps({"photo": str(photo), **json.loads(result.to_json())}, ensure_ascii=False))
            else:
                console.print(_table(result, str(photo)))
                if saved:
                    console.print(f"Saved {saved}", markup=False, highlight=False)
    if refused:
        print(f"whatsit: {refused} of {len(photos)} photos were refused.", file=sys.stderr)
        raise typer.Exit(1)


def read_box(text: str) -> Box:
    """Return the box of an option --box."""
    try:
        x1, y1, x2, y2 = (float(side) for side in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not x1,y1,x2,y2 in pixels.", param_hint="--box") from None
    return x1, y1, x2, y2


def _save(result: Identification, photo: Path, place: Path, several: bool) -> Path:
    """Draw and save the result; in a folder, one PNG file per photo."""
    from whatsit_client.drawing import draw
    from whatsit_client.errors import InvalidInput

    path = place
    if several or place.is_dir():
        path = place / f"{photo.stem}.whatsit.png"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(result, photo).save(path)
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"The picture cannot be saved as '{path}' ({error}): choose another --save.") from error
    return path


def _table(result: Identification, photo: str) -> Table:
    from rich.table import Table
    from rich.text import Text
    from whatsit_client.drawing.style import colour
    from whatsit_client.identification import described, headline, summary

    table = Table(
        title=Text(f"{photo}: {headline(result)}", style="bold"),
        caption=Text(summary(result)),
        title_justify="left",
        caption_justify="left",
    )
    priced = any(match.item.price is not None for region in result.regions for match in region.matches)
    for name in ("Region", "Box", "Score"):
        table.add_column(name, justify="right" if name == "Score" else "left", no_wrap=True)
    table.add_column("Item", overflow="fold", ratio=1)  # an id is to be copied: folded, never cut
    table.add_column("Title", ratio=2)
    if priced:
        table.add_column("Price", justify="right", no_wrap=True)
    for index, region in enumerate(result.regions):
        place = Text(f"{index} {region.label} {region.score:.2f}", style=colour(index) if index else "")
        box = Text(" ".join(f"{side:.0f}" for side in region.box))
        for match in region.matches:
            item = match.item
            title = Text(described(item.title, item.brand))
            price = ["" if item.price is None else f"{item.price:.2f}"] if priced else []
            table.add_row(place, box, f"{match.score:.3f}", Text(item.id), title, *price)
            place = box = Text()
        if not region.matches:
            table.add_row(place, box, "-", "", Text("no match", style="dim"))
        table.add_section()
    return table
