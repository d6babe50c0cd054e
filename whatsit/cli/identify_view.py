"""Results of `whatsit identify` as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table
    from whatsit_client.identification import Identification


def line_of(result: Identification, photo: str) -> str:
    """Return a picture's answer in one line, with the item's id."""
    from whatsit_client.identification import headline

    ids = result.answer.ids if result.answer.found else ()
    return f"{photo}: {headline(result)}" + (f"  [{ids[0]}]" if ids else "")


def table_of(result: Identification, photo: str) -> Table:
    """Return a picture's regions and matches as a table."""
    from rich.table import Table
    from rich.text import Text
    from whatsit_client.drawing.style import colour
    from whatsit_client.identification import clues, described, headline, summary

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
            title = Text(" · ".join([described(item.title, item.brand), *clues(match)]))
            price = ["" if item.price is None else f"{item.price:.2f}"] if priced else []
            table.add_row(place, box, f"{match.score:.3f}", Text(item.id), title, *price)
            place = box = Text()
        if not region.matches:
            table.add_row(place, box, "-", "", Text("no match", style="dim"))
        table.add_section()
    return table
