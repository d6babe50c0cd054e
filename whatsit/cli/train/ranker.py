"""`whatsit train ranker`: learn from known photos and the click log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import AsJson, CatalogueFolder, ModelRepository


def register(app: typer.Typer) -> None:
    """Add the verb to `whatsit train`."""
    app.command(epilog="Example: whatsit train ranker demo/catalogue --photos known/")(ranker)


def ranker(
    folder: CatalogueFolder,
    photos: Annotated[
        Path | None,
        typer.Option(help="Folder with sub-folders named after item ids that hold photos of them; synthetic if none."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many photos, besides the click log.")] = 300,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Train the ranking stage 'learned' for a catalogue.

    Servers use it from the next call that asks for it.

    Give real photos (--photos, or `whatsit feedback`) that the embedder was not trained on. Measured on groceries, a
    ranker from synthetic photos told known from unknown things worse than rank alone.

    Every photo whose item is known is looked up twice, with the item there and with it taken out, so that the ranker
    learns both which match is right and when none is. Photos from `whatsit feedback` always count. Run
    'whatsit calibrate' afterwards: it sets the probability that an answer needs.
    """
    import json
    from dataclasses import asdict
    from functools import partial

    from whatsit.calibration.ranker_examples import examples
    from whatsit.calibration.ranker_training import train_ranker
    from whatsit.catalogue import Layout
    from whatsit.cli.progress_bar import progress_bars
    from whatsit.ranking.learned import FEATURES

    with progress_bars(as_json) as bar:
        found = examples(folder, photos, limit, model_repository, partial(bar, "Looking up photos"))
    fit = train_ranker(found.features, found.right, found.photos, FEATURES, Layout(folder).ranker, found.fingerprint)
    if as_json:
        typer.echo(json.dumps({**asdict(fit), "unread": found.unread}, indent=1))
        return
    typer.echo(
        f"Trained on {fit.photos} photos ({fit.examples} matches, {fit.kind}). On photos held out: a right match is "
        f"more probable than a wrong one in {fit.right_above_wrong:.1%} of pairs; log loss {fit.log_loss:.3f} "
        f"({fit.base_log_loss:.3f} without looking); probabilities are off by {fit.calibration_error:.1%} on average."
    )
    typer.echo(f"Next: whatsit calibrate {folder}; then ask with --rerank learned (or geometry,learned).", err=True)
    if photos is None:
        typer.echo("Synthetic photos make a poor ranker of real ones: give those with --photos.", err=True)
    if found.unread:
        typer.echo(f"{found.unread} photos could not be read and do not count.", err=True)
