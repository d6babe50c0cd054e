"""The command `whatsit report`: what was looked for, and what to mend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder, ModelRepository

if TYPE_CHECKING:
    from whatsit.catalogue.owner_report.catalogue_report import CatalogueReport

_NOT_IN_MILVUS = "where searches are not counted: a report needs an embedded catalogue"


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(epilog="Example: whatsit report demo/catalogue --days 7 --out report.html")(report)


def report(
    folder: CatalogueFolder,
    out: Annotated[Path, typer.Option(help="The page, one file with its pictures in it.")] = Path("report.html"),
    days: Annotated[int, typer.Option(min=1, max=366, help="Days that are looked at, today included.")] = 7,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Entries of each section.")] = 12,
    name: Annotated[
        str | None, typer.Option(help="Of the shop, for the headline.", show_default="name of the folder")
    ] = None,
    mail_to: Annotated[
        str | None,
        typer.Option(
            "--mail-to", help="Write an e-mail (.eml) to this address in place of the page.", show_default=False
        ),
    ] = None,
    mail_from: Annotated[
        str, typer.Option("--mail-from", help="Address of the e-mail's sender.")
    ] = "whatsit@localhost",
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Report what people looked for in vain, and which items and pictures need work.

    Searches are counted by `whatsit serve`; photos of visitors are there where it was started with --collect. The page
    is one file of plain HTML; with --mail-to it is a message that 'sendmail -t < report.eml' sends.
    """
    from whatsit_client.errors import InvalidInput, Unavailable

    from whatsit.catalogue.backends import open_embedded
    from whatsit.catalogue.owner_report.catalogue_report import make_report
    from whatsit.catalogue.owner_report.report_mail import report_mail
    from whatsit.catalogue.owner_report.report_page import ReportPage
    from whatsit.catalogue.owner_report.report_pictures import ReportPictures
    from whatsit.cli.catalogue.output import print_json
    from whatsit.cli.progress_bar import progress_bars

    if mail_to is not None and ("@" not in mail_to or any(mark in mail_to for mark in "\r\n")):
        raise InvalidInput(f"--mail-to is an e-mail address such as ann@shop.example, not '{mail_to[:60]}'.")
    with open_embedded(folder, _NOT_IN_MILVUS) as store:
        with progress_bars(as_json) as bar:
            found = make_report(store, days, limit, model_repository=model_repository, name=name, progress=bar)
        if as_json:
            print_json(found.to_record())
            return
        pictures = ReportPictures(store)
        data = (
            ReportPage(found, pictures).html().encode()
            if mail_to is None
            else report_mail(found, pictures, mail_to, mail_from)
        )
    try:
        out.write_bytes(data)
    except OSError as error:
        raise Unavailable(
            f"The report cannot be written to {out} ({error.strerror}): name another file with --out."
        ) from error
    _print(found, out)


def _print(found: CatalogueReport, out: Path) -> None:
    total = found.searches["total"]
    typer.echo(
        f"{total['found']} searches answered, {total['unsure']} not sure, {total['not_found']} not found from "
        f"{found.since} to {found.until}."
    )
    typer.echo(
        f"{len(found.clusters)} things looked for in vain, {len(found.confused)} confused pairs, {len(found.faults)} "
        f"pictures to retake, {found.never_count} of {found.counts['items']} items never found."
    )
    typer.echo(f"Report: {out}")
