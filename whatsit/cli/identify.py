"""The command `whatsit identify`: identify photos on a running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whatsit.cli.options import JsonLines, ServerUrl

if TYPE_CHECKING:
    from whatsit_client.types import Box


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Examples: whatsit identify photo.jpg --top-k 5 --save photo.whatsit.png, or: whatsit identify photos/ "
        "film.mp4 --out answers.csv",
        help="Ask a running server what is in photos, folders of them, or films.",
    )(identify)


def identify(
    photos: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures (JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP, JPEG 2000), films (MP4, MOV, AVI, MKV, WebM), "
            "and folders of them.",
            show_default=False,
        ),
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
    codes: Annotated[
        str | None, typer.Option(help="Read barcodes and QR codes: auto (where items have codes), on or off.")
    ] = None,
    read: Annotated[
        str | None, typer.Option(help="Read words: off, auto (where the first matches are close) or on.")
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
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write a row a picture into this file: .csv, .parquet, or .jsonl with all regions. The same command "
            "again goes on where it was interrupted.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[float, typer.Option(min=0.01, help="Seconds between two frames of a film.")] = 1.0,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with new files of one folder until Ctrl-C.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Print all regions and matches of several pictures too, not a line each.")
    ] = False,
    callers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Pictures under way at once.")] = 4,
    as_json: JsonLines = False,
    url: ServerUrl = "localhost:8001",
    timeout: Annotated[float, typer.Option(help="Seconds that one photo may take.")] = 30.0,
) -> None:
    """Ask a running server what is in photos, folders of them, or films."""
    from whatsit_client.client import Client

    from whatsit.cli.identify_run import Run

    if watch and (len(photos) != 1 or not photos[0].is_dir()):
        raise typer.BadParameter("it takes one folder.", param_hint="--watch")
    options: dict[str, Any] = {
        "top_k": top_k,
        "boxes": [read_box(text) for text in box] if box else None,
        "where": where,
        "min_score": min_rank if min_score is None else min_score,
        "rerank": rerank,
        "text": text,
        "catalogue": catalogue,
        "codes": codes,
        "read": read,
        "gate": None if gate else False,
    }
    with Client(url, timeout=timeout) as client:
        run = Run(client, options, every, callers, save, out, as_json, full)
        refused = run.watch(photos[0]) if watch else run.all(photos)
    if refused:
        raise typer.Exit(1)


def read_box(text: str) -> Box:
    """Return the box of an option --box."""
    try:
        x1, y1, x2, y2 = (float(side) for side in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not x1,y1,x2,y2 in pixels.", param_hint="--box") from None
    return x1, y1, x2, y2
