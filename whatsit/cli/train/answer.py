"""`whatsit train answer`: fit the probability of answers that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import DATA, WEIGHTS, Data, Weights


def register(app: typer.Typer) -> None:
    """Add the verb to `whatsit train`."""
    app.command(epilog="Example: whatsit train answer --folds build/runs/unseen")(answer)


def answer(
    folds: Annotated[Path, typer.Option(help="Folder of `whatsit evaluate unseen` with all five splits.")] = Path(
        "build/runs/unseen"
    ),
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    work: Annotated[Path, typer.Option(help="Catalogues and looked-up photos; what is there is used again.")] = Path(
        "build/runs/answer"
    ),
    blend: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the trained weights in the splits' networks.")
    ] = 1.0,
    out: Annotated[Path, typer.Option(help="The model.")] = Path("model_repository/retrieval/answer.json"),
) -> None:
    """Fit the probability of answers, on items that no network saw.

    Groceries are looked up by networks that were trained without them (`whatsit evaluate unseen` with the splits 0 to
    4), all else by the shipped ones. Each photo is looked up with its item in the catalogue and with it taken out.
    """
    from dataclasses import replace

    from whatsit.calibration.answer_training import fit_answer_model
    from whatsit.cli.progress_bar import progress_bars
    from whatsit.engines.build import build_for_cpu
    from whatsit.engines.build_paths import BuildPaths
    from whatsit.ranking.answer_features import ANSWER_FEATURES
    from whatsit.studies.answers.domains import training_domains
    from whatsit.studies.answers.folds import fold_repository
    from whatsit.studies.answers.look_up import kept_episodes, look_up
    from whatsit.training.embedder.task import WEIGHTS as START

    def quantise(checkpoint: Path, model: Path) -> None:
        folder = model.parent
        own = replace(BuildPaths.of("embedder", data=data), out=model, work=folder / "work")
        build_for_cpu(own, checkpoint)

    seen = {}
    domains = training_domains(data, work)
    with progress_bars() as bar:
        for number, (name, make) in enumerate(domains.items()):
            bar("Domains", number, len(domains), name)
            domain = make()
            repository = None
            if domain.fold is not None:
                repository = fold_repository(folds, domain.fold, weights / START, work, quantise, blend)
            step = lambda done, total, name=name: bar(f"Looking up {name}", done, total)  # noqa: E731
            seen[name] = kept_episodes(
                work,
                f"{name}.train",
                lambda: look_up(domain, work, repository=repository, advanced=step),  # noqa: B023
            )
    model = fit_answer_model(seen)
    model.write(out)
    photos = sum(len({one.photo for one in of}) for of in seen.values())
    typer.echo(f"Fitted to {photos} photos of {len(seen)} domains: {out}")
    for name, (first, shown) in zip(ANSWER_FEATURES, model.weights.tolist(), strict=True):
        typer.echo(f"  {name:20} {first:+.2f} {shown:+.2f}")
