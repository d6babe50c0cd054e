"""`whatsit catalogue migrate`: move a catalogue into Milvus or back."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder

EMBEDDED = "embedded"


def migrate(
    folder: CatalogueFolder,
    to: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            help="milvus://host:19530/database or milvus://path/to/file.db; 'embedded' for the folder itself.",
            show_default=False,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Move a catalogue to another store.

    The two are compared, and the folder then names the new one.

    An interrupted run is resumed by running it again: what is there already is skipped. The old engine keeps its copy.
    """
    from whatsit.catalogue.store_migration import migrate_catalogue
    from whatsit.cli.catalogue.output import print_json
    from whatsit.cli.progress_bar import progress_bars

    url = None if to == EMBEDDED else to
    with progress_bars(as_json) as bar:
        done = migrate_catalogue(folder, url, partial(bar, "Moving"))
    if as_json:
        print_json({**dataclasses.asdict(done), "store": to})
        return
    place = to if url else "the folder"
    typer.echo(
        f"{done.items} items are in {place}, {done.written} of them written now. In {done.searches} searches both "
        f"engines agreed on {done.agreement:.1%} of what they found. {folder} uses it from now on; start its servers "
        "again."
    )
