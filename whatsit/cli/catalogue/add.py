"""`whatsit catalogue add`: items from files, folders, tar shards and the web."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from whatsit.catalogue.ingest import Report
    from whatsit.catalogue.sources import Skipped
    from whatsit.catalogue.store.store import Store

_SHOWN = 20


def add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The catalogue's folder.", show_default=False)],
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE",
            help="A folder of pictures; a CSV, JSON Lines or Parquet file with the columns id and image (a path or an "
            "http(s) address; and title, brand, category, price, url; every other column becomes an attribute); or tar "
            "shards in the form of WebDataset ('shard-{000..099}.tar', 'shard-*.tar').",
            show_default=False,
        ),
    ],
    store_address: Annotated[
        str | None,
        typer.Option(
            "--store",
            help="Keep the catalogue in Milvus: milvus://host:19530/database or milvus://path/to/file.db. DIR then "
            "holds its address, the threshold, the ranker and sent pictures; later commands need DIR alone.",
            show_default=False,
        ),
    ] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish the index afterwards.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Pictures looked at at once; 0 is one per core.")] = 0,
    steps: Annotated[
        str,
        typer.Option(
            help="Comma list of what is done beside embedding, or none: hash (near duplicates), categorise (a "
            "predicted category for items without one), detect (the main thing's box; takes longer than all the rest)."
        ),
    ] = "hash,categorise",
    allow_private: Annotated[
        bool,
        typer.Option("--allow-private", help="Fetch pictures from private addresses too, also this machine's."),
    ] = False,
    keep_pictures: Annotated[
        bool, typer.Option("--keep-pictures", help="Keep the bytes of pictures from the web in the catalogue's folder.")
    ] = False,
    refetch: Annotated[
        bool, typer.Option("--refetch", help="Fetch pictures from the web again that the catalogue has already.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="What the work runs on: local (threads of this process) or ray (Ray Data).")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster ('auto': the one this machine is in); else Ray starts here.")
    ] = None,
    model_repository: Annotated[Path | None, typer.Option(help="Networks instead of Whatsit's own.")] = None,
    target: Annotated[
        str, typer.Option(help="Where the networks run: onnxruntime (CPU), tensorrt (NVIDIA GPU), or auto.")
    ] = "onnxruntime",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Add items, or update those whose id exists.

    A running server finds them at once.

    Rows and pictures that cannot be read are reported and skipped. An interrupted run is resumed by running it again:
    what is there already is not embedded twice.
    """
    from whatsit_client.errors import InvalidInput

    from whatsit.catalogue import Layout, Store
    from whatsit.catalogue.backends import open_store, set_store_url, store_url
    from whatsit.catalogue.ingest import Fetch, ingest
    from whatsit.catalogue.ingest.add import networks
    from whatsit.catalogue.ingest.picture_analysis import checked_steps
    from whatsit.catalogue.ingest.prepare import Settings
    from whatsit.catalogue.sources import open_source
    from whatsit.catalogue.web import Downloads
    from whatsit.cli.catalogue.output import generation_record, print_json, print_published
    from whatsit.cli.catalogue.publish import publish_index

    if engine not in ("local", "ray"):
        raise InvalidInput(f"There is no engine '{engine}'; the engines are local and ray.")
    chosen = checked_steps([] if steps == "none" else [name.strip() for name in steps.split(",")])
    settings = Settings(chosen, refetch=refetch, keep=Layout(folder).pictures if keep_pictures else None)
    workers = workers or len(os.sched_getaffinity(0))
    opened = [open_source(source) for source in sources]
    if store_address is not None:
        set_store_url(folder, store_address)
    with (
        networks(model_repository, target, workers if engine == "ray" else 0, address) as (look, on, fingerprint),
        closing(open_store(folder)) as store,
        _bar(sum(one.count() for one in opened), quiet=as_json) as step,
    ):
        report = ingest(
            store,
            (row for source in opened for row in source),
            look,
            fingerprint,
            workers=workers,
            settings=settings,
            fetch=Fetch(Downloads(allow_private=allow_private)),
            engine=on,
            progress=step,
        )
    published, hint = None, None
    if report.kept and store_url(folder) is None:  # Milvus needs no publishing
        with Store(Layout(folder).store) as embedded:
            published = publish_index(embedded, folder, fingerprint) if publish else None
            hint = None if published else _hint(embedded, folder)
    if as_json:
        print_json({**report.to_record(), **({"published": generation_record(published)} if published else {})})
    else:
        _print_report(report)
        if published:
            print_published(published)
        if hint:
            typer.echo(hint)
    if not report.kept:
        raise typer.Exit(1)


@contextmanager
def _bar(total: int, quiet: bool) -> Iterator[Callable[[int, Report], None]]:
    """A bar with rate, rows that were left out, and the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("Adding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} {task.fields[skipped]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=total, rate="", skipped="")

        def step(done: int, report: Report) -> None:
            if done % 8 and done != total:  # the eye sees no more, and each time costs a tenth of a millisecond
                return
            speed = bar.tasks[0].speed
            rate = f"{speed:.1f} items/s" if speed else ""
            skipped = f"{report.skipped_count} skipped" if report.skipped_count else ""
            bar.update(task, completed=done, rate=rate, skipped=skipped)

        try:
            yield step
        except KeyboardInterrupt:
            typer.echo("Interrupted. What was done is kept; run the same command again to go on.", err=True)
            raise


def _hint(store: Store, folder: Path) -> str | None:
    """What is left to do for servers, after items were added."""
    from whatsit.catalogue import Layout
    from whatsit.catalogue.publish import compact_note, published

    manifest = published(Layout(folder).index)
    if manifest is None:
        return f"Publish the index with: whatsit catalogue publish {folder}"
    return compact_note(store.changes.pending(manifest.sequence))


def _print_report(report: Report) -> None:
    typer.echo(
        f"{report.added} items added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.skipped_count} rows or pictures skipped, {report.note_count} noted."
    )
    _print_some("skipped", report.skipped, report.skipped_count)
    _print_some("noted", report.notes, report.note_count)


def _print_some(word: str, found: Sequence[Skipped], count: int) -> None:
    for one in found[:_SHOWN]:
        typer.echo(f"  {word} {one.place}: {one.reason}.", err=True)
    if count > _SHOWN:
        typer.echo(f"  … and {count - _SHOWN} more {word}; --json lists them.", err=True)
