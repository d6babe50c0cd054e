"""`whatsit catalogue add`: items from files, folders, tar shards and the web."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder, ModelRepository, Workers

if TYPE_CHECKING:
    from whatsit.catalogue.ingest import Report
    from whatsit.catalogue.sources import Skipped

_SHOWN = 20


def add(
    folder: CatalogueFolder,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A folder or zip file of pictures; a table (CSV, xlsx, ods, JSON Lines, Parquet, exports of Shopify, "
            "WooCommerce and Google Merchant) with the columns id and image (paths or http(s) addresses), title, "
            "brand, category, price, url; every other column becomes an attribute; or tar shards in the form of "
            "WebDataset ('shard-{000..099}.tar', 'shard-*.tar.gz'). Or an address: a file on the web, a file or folder "
            "of an object store (s3://, gs://, az://), or a database (sqlite:///shop.db, postgresql://user@host/name).",
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
    objects: Annotated[
        bool | None,
        typer.Option(
            "--objects/--no-objects",
            help="Index each object in a picture too, from now on: a match then says where the thing is, and 'scenes' "
            "finds an item in other items' pictures. --no-objects drops them.",
            show_default="as the catalogue has it",
        ),
    ] = None,
    views: Annotated[
        bool | None,
        typer.Option(
            "--views/--no-views",
            help="Of a new catalogue: embed eight views of each picture, and keep their mean. Poor photos then find "
            "more; embedding takes eight times as long, searching no longer.",
            show_default="as the catalogue has it",
        ),
    ] = None,
    workers: Workers = 0,
    steps: Annotated[
        str | None,
        typer.Option(
            help="Comma list of what is done beside embedding, or none: hash (near duplicates), categorise (a "
            "predicted category for items without one), detect (the main thing's box; takes longer than all the rest). "
            "In Milvus none, for results are kept in the catalogue's folder alone.",
            show_default="hash,categorise",
        ),
    ] = None,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private",
            help="Fetch from private addresses too, also this machine's, and from buckets that a table names.",
        ),
    ] = False,
    contact: Annotated[
        str | None,
        typer.Option(
            envvar="WHATSIT_CONTACT",
            help="Your e-mail address or page, which servers of pictures are told; some refuse programs without one.",
            show_default=False,
        ),
    ] = None,
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
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, such as title=Bezeichnung; may be repeated.", show_default=False),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of text files, such as cp1252 or gb18030.", show_default="found out")
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="point or comma: what '1,234' means.", show_default="by the column")
    ] = None,
    folders: Annotated[
        str, typer.Option(help="What folders of pictures are: categories (an item a picture) or products.")
    ] = "categories",
    query: Annotated[
        str | None,
        typer.Option(help="Of a database: a SELECT, or the name of a table or view.", show_default="the best table"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Add nothing; show columns, guesses, ten rows and what would be skipped.")
    ] = False,
    model_repository: ModelRepository = None,
    target: Annotated[
        str, typer.Option(help="Where the networks run: onnxruntime or openvino (CPU), tensorrt (NVIDIA GPU), or auto.")
    ] = "onnxruntime",
    as_json: AsJson = False,
) -> None:
    """Add items, or update those whose id exists.

    A running server finds them at once.

    Rows and pictures that cannot be read are reported and skipped; the exit code is 1 where a row was. Fields that a
    file has no column for stay as they are, and a file without pictures changes items that are there. An interrupted
    run is resumed by running it again: what is there already is not embedded twice.
    """
    from whatsit.catalogue.ingest.add import add_to_catalogue
    from whatsit.cli.catalogue.dry_run import show_previews, source_options
    from whatsit.cli.catalogue.output import generation_record, print_json, print_published
    from whatsit.cli.progress_bar import progress_bars

    options = source_options(maps, encoding, decimal, folders, query, allow_private)
    if dry_run:
        show_previews(sources, options, as_json, contact)
        return
    named = None if steps is None else [] if steps == "none" else [name.strip() for name in steps.split(",")]
    with progress_bars(as_json) as bar:

        def step(done: int, total: int, report: Report) -> None:
            if done % 8 == 0 or done == total:  # the eye sees no more, and each time costs a tenth of a millisecond
                bar("Adding", done, total, f"{report.skipped_count} skipped" if report.skipped_count else "")

        try:
            added = add_to_catalogue(
                folder,
                *sources,
                options=options,
                store=store_address,
                publish=publish,
                objects=objects,
                views=views,
                steps=named,
                keep_pictures=keep_pictures,
                refetch=refetch,
                allow_private=allow_private,
                contact=contact,
                workers=workers,
                engine=engine,
                ray_address=address,
                model_repository=model_repository,
                target=target,
                progress=step,
                stages=bar,
            )
        except KeyboardInterrupt:
            typer.echo("Interrupted. What was done is kept; run the same command again to go on.", err=True)
            raise
    report, published = added.report, added.published
    if as_json:
        print_json({**report.to_record(), **({"published": generation_record(published)} if published else {})})
    else:
        _print_report(report)
        if published:
            print_published(published)
        if added.hint:
            typer.echo(added.hint)
    if report.skipped_rows or not report.kept:
        raise typer.Exit(1)


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
