"""`whatsit catalogue backup`, `restore` and `verify`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder

if TYPE_CHECKING:
    from whatsit.catalogue.backup.findings import Findings

_SHOWN = 20

MaxSize = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="The back-up may unpack to so much, such as 500GB; a hundred times its size unless given.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the three commands."""
    app.command(epilog="Example: whatsit catalogue backup demo/catalogue demo/catalogue.tar.zst")(backup)
    app.command(epilog="Example: whatsit catalogue restore demo/catalogue.tar.zst demo/restored")(restore)
    app.command(epilog="Example: whatsit catalogue verify demo/catalogue")(verify)


def backup(
    folder: CatalogueFolder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, .tar.zst.", show_default=False)],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a catalogue, as it is at one point in time, into a file.

    Servers and writers go on meanwhile. Items, vectors, the index, sent and kept pictures, the click log, the
    threshold and the ranker are in it; a merchant's own picture files stay where they are.
    """
    from whatsit.catalogue.backup.backup import backup as write_backup
    from whatsit.cli.catalogue.output import print_json
    from whatsit.cli.progress_bar import progress_bars

    try:
        with progress_bars(quiet=as_json) as progress:
            record = write_backup(folder, file, overwrite, progress)
    except KeyboardInterrupt:
        typer.echo("Interrupted. No file was written.", err=True)
        raise
    size = file.stat().st_size
    if as_json:
        print_json({**dataclasses.asdict(record), "file": str(file), "size": size})
        return
    typer.echo(
        f"{file} ({size / 1e6:.1f} MB) holds {record.items} items with all changes up to number {record.sequence}, "
        f"{record.pictures} pictures, and " + (f"the index {record.generation}." if record.generation else "no index.")
    )
    if record.outside:
        typer.echo(f"{record.outside} pictures lie elsewhere and are not in it: keep them too.", err=True)
    if record.missing:
        typer.echo(
            f"{record.missing} pictures are missing or changed, such as {record.missing_names[0]}; 'whatsit catalogue "
            f"verify {folder}' lists them.",
            err=True,
        )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A back-up.", show_default=False)],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new catalogue's folder.", show_default=False)],
    max_size: MaxSize = None,
    as_json: AsJson = False,
) -> None:
    """Make the catalogue of a back-up in a new folder.

    Every checksum is compared first. The folder appears when it is whole; an existing catalogue is never touched.
    """
    from whatsit.catalogue.backup.restore import restore as unpack
    from whatsit.cli.catalogue.output import parse_size, print_json
    from whatsit.cli.progress_bar import progress_bars

    try:
        with progress_bars(quiet=as_json) as progress:
            record = unpack(file, folder, None if max_size is None else parse_size(max_size), progress)
    except KeyboardInterrupt:
        typer.echo("Interrupted. No folder was made.", err=True)
        raise
    if as_json:
        print_json(dataclasses.asdict(record))
        return
    typer.echo(
        f"{folder} is the catalogue of {record.created}: {record.items} items with all changes up to number "
        f"{record.sequence}, {record.pictures} pictures."
    )
    if record.generation is None:
        typer.echo(f"Publish the index with: whatsit catalogue publish {folder}")


def verify(
    place: Annotated[
        Path, typer.Argument(metavar="DIR|FILE", help="A catalogue's folder, or a back-up.", show_default=False)
    ],
    max_size: MaxSize = None,
    as_json: AsJson = False,
) -> None:
    """Look for everything that is wrong with a catalogue or a back-up.

    In a folder: SQLite's own checks, checksums of the index, every stored vector in the index or the change log, every
    picture with its SHA-256, and pictures of no item. In a back-up: every checksum. Exit code 1 where anything is
    wrong.
    """
    from whatsit.catalogue.backup.verify import verify as look
    from whatsit.cli.catalogue.output import parse_size, print_json
    from whatsit.cli.progress_bar import progress_bars

    with progress_bars(quiet=as_json) as progress:
        found = look(place, None if max_size is None else parse_size(max_size), progress=progress)
    if as_json:
        print_json(found.to_record())
    else:
        _print(place, found)
    if found.problems:
        raise typer.Exit(1)


def _print(place: Path, found: Findings) -> None:
    for one in found.problems[:_SHOWN]:
        typer.echo(f"  {one.kind}: {one}")
    if len(found.problems) > _SHOWN:
        typer.echo(f"  … and {len(found.problems) - _SHOWN} more; --json lists them.", err=True)
    for note in found.notes:
        typer.echo(note, err=True)
    if found.unchecked:
        typer.echo(f"{found.unchecked} pictures are on the web and were not fetched.", err=True)
    wrong = len(found.problems)
    state = "all is well" if not wrong else "1 thing is wrong" if wrong == 1 else f"{wrong} things are wrong"
    vectors = f", {found.vectors} vectors" if place.is_dir() else ""
    typer.echo(
        f"{place}: {state} ({found.items} items{vectors}, {found.pictures} pictures, {found.files} files with "
        "checksums)."
    )
