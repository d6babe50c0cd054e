"""`whatsit catalogue clean`, `decisions` and `undo`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whatsit.cli.options import AsJson, CatalogueFolder

if TYPE_CHECKING:
    from whatsit.catalogue.cleaning.decision import Decision

_SHOWN = 20
_NOT_CLEANED = "where items are not cleaned: clean before migrating"


def clean(
    folder: CatalogueFolder,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Near duplicates among an item's pictures.")] = False,
    denoise: Annotated[bool, typer.Option("--denoise", help="Pictures that show something else.")] = False,
    merge: Annotated[bool, typer.Option("--merge", help="Items that are one.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be decided.")] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the decisions as a picture, .png or .jpg.")
    ] = None,
    hash: Annotated[str, typer.Option(help="Perceptual hash for duplicates: ahash, dhash or phash.")] = "dhash",
    radius: Annotated[int | None, typer.Option(help="Bits of 64 in which duplicates may differ.")] = None,
    min_similarity: Annotated[float | None, typer.Option(help="Cosine from which near hashes are duplicates.")] = None,
    radii: Annotated[
        str | None, typer.Option(help="Cosine distances of the layers of denoising, such as 0.1,0.2,0.3.")
    ] = None,
    min_confusion: Annotated[
        float | None, typer.Option(help="Confusion from which items are merged; 1 is one item split at random.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hide near duplicates and wrong pictures, and merge items that are one.

    All three steps run unless some are named.

    Nothing is deleted: every decision is written down with its reason, servers follow at once, and 'whatsit catalogue
    undo' restores what was.
    """
    from whatsit.catalogue.backends import open_embedded
    from whatsit.catalogue.cleaning.clean import find
    from whatsit.catalogue.cleaning.cleaning_settings import STEPS, CleaningSettings
    from whatsit.catalogue.cleaning.decision_log import DecisionLog
    from whatsit.catalogue.cleaning.decision_sheet import check_sheet, write_sheet
    from whatsit.catalogue.cleaning.picture_table import read_picture_table
    from whatsit.cli.catalogue.output import print_json
    from whatsit.cli.progress_bar import progress_bars

    wanted = dict(zip(STEPS, (duplicates, denoise, merge), strict=True))
    given: dict[str, Any] = {
        "hash": hash,
        "steps": tuple(step for step in STEPS if wanted[step]) or STEPS,
        "radius": radius,
        "min_similarity": min_similarity,
        "radii": None if radii is None else _numbers(radii),
        "min_confusion": min_confusion,
    }
    settings = CleaningSettings(**{name: value for name, value in given.items() if value is not None})
    if sheet:
        check_sheet(sheet)
    with open_embedded(folder, _NOT_CLEANED) as store:
        # before pictures are hidden
        table = read_picture_table(store, next(iter(store.fingerprints()), "")) if sheet else None
        with progress_bars(as_json) as bar:
            decisions = find(store, settings, progress=bar)
        left = write_sheet(sheet, table, decisions) if sheet and table else 0
        command = "whatsit catalogue clean " + " ".join(f"--{step}" for step in settings.steps)
        log = DecisionLog(store)
        run = log.record(command, settings.to_record(), decisions, _user()) if decisions and not dry_run else None
    if as_json:
        record = {"run": run, "settings": settings.to_record(), "decisions": [one.to_record() for one in decisions]}
        print_json(record)
        return
    _print_found(decisions, dry_run)
    if sheet:
        typer.echo(f"Contact sheet: {sheet}" + (f" ({left} more groups are not on it)" if left else ""))
    if run is not None and any(one.verdict in ("dropped", "merged") for one in decisions):
        typer.echo(f"Written down as cleaning {run}; take it back with: whatsit catalogue undo {folder} --last")


def show_decisions(
    folder: CatalogueFolder,
    limit: Annotated[int, typer.Option(min=1, help="Decisions on the page, the latest first.")] = 50,
    run: Annotated[int | None, typer.Option(help="Only those of this cleaning.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what cleaning decided, why, and what was taken back."""
    from rich.console import Console
    from rich.text import Text

    from whatsit.catalogue.backends import open_embedded
    from whatsit.catalogue.cleaning.decision_log import DecisionLog
    from whatsit.cli.catalogue.output import print_json

    with open_embedded(folder, _NOT_CLEANED, read_only=True) as store:
        found, counts = DecisionLog(store).read(limit, run), DecisionLog(store).count()
    if as_json:
        print_json({"standing": counts, "decisions": [one.to_record() for one in found]})
        return
    console = Console()
    for one in found:
        decision = one.decision
        verdict = f"{decision.verdict} (undone)" if one.undone else decision.verdict
        other = f" <- {decision.other_item}" if decision.other_item else ""
        # An id is never cut: twins differ in its end. Two lines a decision fit any terminal.
        by = f"  by {one.who}" if one.who else ""
        head = Text(f"{one.number:>4}  cleaning {one.run}  {decision.step}: {verdict}{by}  ")
        console.print(head, Text(f"{decision.item}{other}", style="bold"), sep="", soft_wrap=True)
        reason = f"{decision.reason} ({one.why})" if one.why else decision.reason
        console.print(Text(f"      {reason}", style="dim"), soft_wrap=True)
    typer.echo("In force: " + (", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "nothing"))


def undo(
    folder: CatalogueFolder,
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="Number of a decision.", show_default=False)
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="All decisions of the latest cleaning.")] = False,
    as_json: AsJson = False,
) -> None:
    """Undo the latest cleaning, or one decision.

    Later cleanings do not repeat an undone decision.
    """
    from whatsit_client.errors import InvalidInput

    from whatsit.catalogue.backends import open_embedded
    from whatsit.catalogue.cleaning.decision_log import DecisionLog
    from whatsit.cli.catalogue.output import print_json

    if last == (number is not None):
        raise InvalidInput("Name a decision by its number, or --last for the latest cleaning.")
    with open_embedded(folder, _NOT_CLEANED) as store:
        if number is None:
            run, count = DecisionLog(store).undo_last(_user())
            text, record = f"Took back cleaning {run}: {count} decisions.", {"run": run, "undone": count}
        else:
            taken = DecisionLog(store).undo(number, _user())
            text = f"Took back decision {number}: {taken.item} is as it was, and stays so in later cleanings."
            record = {"decision": number, "undone": 1}
    if as_json:
        print_json(record)
    else:
        typer.echo(text)


def register(app: typer.Typer) -> None:
    """Add the commands to `whatsit catalogue`."""
    app.command(epilog="Example: whatsit catalogue clean demo/catalogue --duplicates --dry-run --sheet sheet.png")(
        clean
    )
    app.command("decisions", epilog="Example: whatsit catalogue decisions demo/catalogue --limit 20")(show_decisions)
    app.command(epilog="Example: whatsit catalogue undo demo/catalogue --last")(undo)


def _user() -> str:
    """Return the name under which the log notes who ran the command."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user of a container has no name
        return "command line"


def _numbers(text: str) -> tuple[float, ...]:
    from whatsit_client.errors import InvalidInput

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInput(f"--radii takes numbers with commas between them, not '{text[:60]}'.") from error


def _print_found(decisions: Sequence[Decision], dry_run: bool) -> None:
    counts = Counter((one.step, one.verdict) for one in decisions)
    would = "would be " if dry_run else ""
    typer.echo(
        f"{counts['duplicates', 'dropped']} near duplicates {would}hidden, {counts['denoise', 'dropped']} pictures of "
        f"something else {would}hidden, {counts['merge', 'merged']} items {would}merged; "
        f"{sum(n for (_, verdict), n in counts.items() if verdict == 'reported')} pairs reported."
    )
    changes = [one for one in decisions if one.verdict != "kept"]
    for one in changes[:_SHOWN]:
        typer.echo(f"  {one.verdict} {one.item}: {one.reason}")
    if len(changes) > _SHOWN:
        print(f"  … and {len(changes) - _SHOWN} more; --json lists all.", file=sys.stderr)
