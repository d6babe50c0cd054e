"""The command `whatsit explain`: why an item was or was not found for a photo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from whatsit_client.errors import InvalidInput

from whatsit.cli.options import AsJson, ModelRepository, Where

if TYPE_CHECKING:
    from whatsit.search.explanation import Explanation

_SIDE = 480


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Example: whatsit explain photo.jpg P00001 --catalogue demo/catalogue --save why.png",
        help="Explain why an item was or was not found for a photo; no server is needed.",
    )(explain)


def explain(
    photo: Annotated[Path, typer.Argument(help="The picture.", show_default=False)],
    item_id: Annotated[str, typer.Argument(metavar="ID", help="The item's id.", show_default=False)],
    catalogue: Annotated[Path, typer.Option(help="The catalogue's folder.")] = Path("demo/catalogue"),
    box: Annotated[
        list[str] | None, typer.Option(help="Your own region x1,y1,x2,y2 in pixels, instead of the detector's.")
    ] = None,
    where: Where = None,
    rerank: Annotated[str | None, typer.Option(help="Comma list of ranking stages, or none.")] = None,
    text: Annotated[str, typer.Option(help="Known words of its title, brand or size.")] = "",
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Heed the gate, as a server does.")] = True,
    save: Annotated[
        Path | None, typer.Option(help="Save the photo with the region and the item's picture side by side.")
    ] = None,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Explain why an item was or was not found for a photo; no server is needed."""
    from whatsit.catalogue import Filter
    from whatsit.cli.identify import read_box
    from whatsit.search.explanation import explain as explain_item
    from whatsit.search.search_options import SearchOptions

    try:
        data = photo.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The picture {photo} cannot be read ({error.strerror}).") from error
    boxes = tuple(read_box(one) for one in box) if box else None
    condition = None if where is None else Filter.parse(where)
    options = SearchOptions(boxes=boxes, gate=gate, top_k=100, where=condition, rerank=rerank, text=text)
    found = explain_item(catalogue, data, item_id.strip(), options, model_repository)
    if save is not None:
        _save(found, photo, catalogue, save)
    if as_json:
        print(json.dumps(found.to_record(), ensure_ascii=False, indent=1))
        return
    _print(found)
    if save is not None:
        typer.echo(f"Saved {save}")


def _print(found: Explanation) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    typer.echo(
        f"{found.id}{f', {found.title}' if found.title else ''}: {'is' if found.is_answer else 'is not'} the answer."
    )
    for reason in found.reasons:
        typer.echo(f"- {reason}")
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("region")
    for name in ("score", "more alike", "place"):
        table.add_column(name, justify="right", no_wrap=True)
    extra = [name for name in ("inliers", "confidence") if any(getattr(one, name) is not None for one in found.regions)]
    for name in extra:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("first match", overflow="fold")
    for one in found.regions:
        score = "-" if one.score is None else f"{one.score:.3f}"
        first = "-" if one.first is None else f"{one.first} {one.first_score:.3f}"
        more = ["-" if (value := getattr(one, name)) is None else f"{value:.2f}".removesuffix(".00") for name in extra]
        label = "whole picture" if one.region == 0 else f"{one.region} {one.label}"
        table.add_row(Text(label), score, str(one.nearer), str(one.place or "-"), *more, Text(first))
    Console().print(table)


def _save(found: Explanation, photo: Path, catalogue: Path, place: Path) -> None:
    """Draw the photo with its region most like the item beside the item."""
    from contextlib import closing

    from PIL import Image, ImageDraw
    from whatsit_client.encode import open_upright

    from whatsit.catalogue.backends import open_store
    from whatsit.catalogue.store.picture_files import read_picture

    sheet = Image.new("RGB", (2 * _SIDE + 24, _SIDE + 16), "white")
    picture = open_upright(photo)
    ImageDraw.Draw(picture).rectangle(found.best.box, outline="#d81b60", width=max(2, picture.width // 200))
    pictures = [picture]
    with closing(open_store(catalogue, read_only=True)) as store:
        path = store.show(found.id)["image"]
    try:
        pictures.append(open_upright(read_picture(path or "", catalogue.resolve())))
    except InvalidInput:
        typer.echo(f"The item's picture {path or ''} cannot be read.", err=True)
    for column, one in enumerate(pictures):
        one.thumbnail((_SIDE, _SIDE))
        sheet.paste(one, (8 + column * (_SIDE + 8), 8))
    try:
        sheet.save(place)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The picture cannot be saved as '{place}' ({error}): choose another --save.") from error
