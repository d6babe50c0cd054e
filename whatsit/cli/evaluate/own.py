"""`whatsit evaluate own`: answers to photos of one's own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import ModelRepository

if TYPE_CHECKING:
    from rich.console import Console

    from whatsit.evaluation.datasets.own_photos import OwnPhoto
    from whatsit.studies.own_photo_answers import Answering


def register(app: typer.Typer) -> None:
    """Add the verb to `whatsit evaluate`."""
    app.command(epilog="Example: whatsit evaluate own demo/catalogue --photos known/ --absent other/ --json now.json")(
        own
    )


def own(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="The catalogue's folder; none with --url.", show_default=False),
    ] = None,
    photos: Annotated[
        Path,
        typer.Option(
            help="A folder with a sub-folder of photos for each item id (_none: photos of nothing), "
            "or a CSV file with the columns image and id (empty: nothing).",
            show_default=False,
        ),
    ] = ...,  # type: ignore[assignment]  # typer's sign of a required option
    absent: Annotated[Path | None, typer.Option(help="A folder with more photos of nothing.")] = None,
    url: Annotated[str | None, typer.Option(help="Ask a running server instead; with key in WHATSIT_KEY.")] = None,
    catalogue: Annotated[str | None, typer.Option(help="Name of one of the server's catalogues, with --url.")] = None,
    rerank: Annotated[str | None, typer.Option(help="Comma list of ranking stages, or none.")] = None,
    before: Annotated[Path | None, typer.Option(help="The --json of an earlier run, shown beside this one.")] = None,
    file: Annotated[Path | None, typer.Option("--json", help="Write the whole report to this file.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for curve.png, mistakes.png and the journal.")] = Path(
        "evaluate-own"
    ),
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many photos, evenly spread.")] = None,
    mistakes: Annotated[int, typer.Option(min=0, max=60, help="Pairs on the sheet of mistakes.")] = 12,
    workers: Annotated[int, typer.Option(min=0, help="Photos asked at once; 0 is one per core.")] = 0,
    model_repository: ModelRepository = None,
) -> None:
    """Measure answers on photos of your own: found, right, wrong, unsure, silent.

    Asks the catalogue in this process, as a server with defaults would, or a running server (--url). Photos of items
    that the catalogue lacks count as photos of nothing. Every share has its 95 % Wilson interval.

    A stopped run goes on from where it was; a finished one is measured anew. Keep the report of today with --json, run
    'whatsit calibrate' or 'whatsit train ranker' or take another network, and show both with --before.
    """
    from rich.console import Console

    from whatsit.cli.evaluate.own_output import draw_report, print_report
    from whatsit.cli.progress_bar import progress_bars
    from whatsit.engines.available_cores import available_cores
    from whatsit.evaluation.datasets.own_photos import read_own_photos, spread
    from whatsit.evaluation.reports.own_report import OwnReport
    from whatsit.studies.own_photo_answers import Journal, answer_photos

    console = Console(stderr=True)
    earlier = None if before is None else OwnReport.read(before)
    chosen = spread(read_own_photos(photos, absent), limit)
    with ExitStack() as stack:
        answering = _open(stack, folder, url, catalogue, rerank, model_repository)
        chosen = _known_items(chosen, answering, console)
        settings = {**answering.settings, "photos": str(photos), "absent": str(absent or ""), "limit": limit}
        journal = Journal(out / "journal.jsonl", settings)
        if journal.known:
            console.print(f"Going on after {len(journal.known)} of {len(chosen)} photos.", highlight=False)
        try:
            with progress_bars(console=console) as bar:
                answers = answer_photos(
                    chosen,
                    answering,
                    journal,
                    workers or available_cores(),
                    lambda done, total: bar("Asking", done, total),
                )
        except KeyboardInterrupt:
            console.print(f"Stopped after {len(journal.known)} of {len(chosen)} photos; the same command goes on.")
            raise typer.Exit(130) from None
        report = OwnReport.of(settings, answers)
        if file is not None:
            report.write(file)
        journal.finish()
        print_report(report, earlier)
        draw_report(report, earlier, answering.picture, out, mistakes, console)
    if file is not None:
        console.print(f"Report: {file}", highlight=False, markup=False, soft_wrap=True)


def _open(
    stack: ExitStack,
    folder: Path | None,
    url: str | None,
    catalogue: str | None,
    rerank: str | None,
    model_repository: Path | None,
) -> Answering:
    """Open the catalogue in this process, or the server's client."""
    from whatsit_client.client import Client
    from whatsit_client.errors import InvalidInput

    from whatsit.catalogue.serving_pair import own_network
    from whatsit.pipeline.networks import Networks
    from whatsit.studies.own_photo_answers import EmbeddedCatalogue, ServedCatalogue

    if (folder is None) == (url is None):
        raise InvalidInput("Give the folder of a catalogue, or --url of a running server, and not both.")
    if url is not None:
        return ServedCatalogue(stack.enter_context(Client(url, timeout=60.0)), rerank, catalogue)
    assert folder is not None
    return EmbeddedCatalogue(
        folder, stack.enter_context(Networks(model_repository, embedder=own_network(folder))), rerank
    )


def _known_items(photos: list[OwnPhoto], answering: Answering, console: Console) -> list[OwnPhoto]:
    """Return the photos, those of unknown items as photos of nothing."""
    from whatsit_client.errors import InvalidInput

    from whatsit.evaluation.datasets.own_photos import OwnPhoto

    ids = sorted({photo.item for photo in photos if photo.item})
    missing = {id for id in ids if not answering.knows(id)}
    if missing and len(missing) == len(ids):
        raise InvalidInput(
            f"The catalogue holds none of the {len(ids)} items of these photos, such as '{ids[0]}': "
            "name each sub-folder (or the column id) as the catalogue names the item."
        )
    if missing:
        few = ", ".join(sorted(missing)[:3]) + (" …" if len(missing) > 3 else "")
        count = sum(photo.item in missing for photo in photos)
        console.print(
            f"The catalogue lacks {len(missing)} of the {len(ids)} items ({few}): their {count} photos count as photos "
            "of nothing.", highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    return [OwnPhoto(photo.file) if photo.item in missing else photo for photo in photos]
