"""`whatsit catalogue migrate`: move a catalogue into Milvus or back."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

EMBEDDED = "embedded"


def migrate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The catalogue's folder.", show_default=False)],
    to: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            help="milvus://host:19530/database or milvus://path/to/file.db; 'embedded' for the folder itself.",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Move a catalogue to another store.

    The two are compared, and the folder then names the new one.

    An interrupted run is resumed by running it again: what is there already is skipped. The old engine keeps its copy.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from whatsit_client.errors import InvalidInput

    from whatsit.catalogue.backends import open_store, store_url, write_address
    from whatsit.catalogue.layout import Layout
    from whatsit.catalogue.milvus.milvus_store import MilvusStore
    from whatsit.catalogue.milvus.milvus_url import Address
    from whatsit.catalogue.publish import publish
    from whatsit.catalogue.store.store import Store
    from whatsit.catalogue.store_migration import migrate as move
    from whatsit.cli.catalogue.output import print_json

    url = None if to == EMBEDDED else to
    if url == store_url(folder):
        raise InvalidInput(f"The catalogue of {folder} is there already.")
    address = None if url is None else Address.parse(url)
    source = open_store(folder, read_only=True)
    target = MilvusStore(address) if address is not None else Store(Layout(folder).store)
    columns = (TextColumn("Moving"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    try:
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=as_json) as bar:
            task = bar.add_task("", total=None, rate="")

            def step(done: int, total: int) -> None:
                speed = bar.tasks[0].speed
                bar.update(task, completed=done, total=total, rate=f"{speed:.0f} items/s" if speed else "")

            def prepare() -> None:
                if isinstance(target, Store):
                    publish(target, Layout(folder).index)

            done = move(source, target, folder, progress=step, prepare=prepare)
    finally:
        target.close()
        source.close()
    write_address(folder, url)
    if as_json:
        print_json({**dataclasses.asdict(done), "store": to})
        return
    place = to if url else "the folder"
    typer.echo(
        f"{done.items} items are in {place}, {done.written} of them written now. In {done.searches} searches both "
        f"engines agreed on {done.agreement:.1%} of what they found. {folder} uses it from now on; start its servers "
        "again."
    )
