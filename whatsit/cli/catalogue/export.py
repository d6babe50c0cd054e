"""`whatsit catalogue export`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder, Where

_SHOWN = 5


def export(
    folder: CatalogueFolder,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The new file: .parquet, .csv, .jsonl or .json, which 'add' reads again; .faiss for the vectors, with "
            "a table of what each row is.",
            show_default=False,
        ),
    ],
    where: Where = None,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Add the vector of each picture as a column.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Copy the pictures' files into FILE.pictures, so that all is together.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write items into a file for other tools, and for 'whatsit catalogue add'.

    Paths of pictures are relative to the file where both lie below one folder. In CSV all values are text; Parquet and
    JSON keep their types. Merged items and hidden pictures are left out.
    """
    from whatsit.catalogue import Filter
    from whatsit.catalogue.export.export_items import export_items
    from whatsit.cli.catalogue.output import print_json
    from whatsit.cli.progress_bar import progress_bars

    condition = None if where is None else Filter.parse(where)
    try:
        with progress_bars(as_json) as bar:
            done = export_items(
                folder,
                file,
                where=condition,
                embeddings=embeddings,
                copy_pictures=pictures,
                overwrite=overwrite,
                progress=bar,
            )
    except KeyboardInterrupt:
        typer.echo("Interrupted. No file was written.", err=True)
        raise
    if as_json:
        print_json({**dataclasses.asdict(done), "file": str(done.file)})
        return
    vectors = f" and {done.vectors} vectors" if done.vectors else ""
    typer.echo(f"{done.file} ({done.file.stat().st_size / 1e6:.1f} MB) holds {done.items} items{vectors}.")
    if done.without_pictures:
        shown = ", ".join(done.without_pictures[:_SHOWN])
        typer.echo(
            f"{len(done.without_pictures)} items have no picture's file that is there, such as {shown}: 'add' takes "
            "their fields alone, where the items are known.",
            err=True,
        )
