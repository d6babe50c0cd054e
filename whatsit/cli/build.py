"""`whatsit build embedder|detector|classifier`: from a checkpoint to the file that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(name="build", epilog="Example: whatsit build embedder --checkpoint build/runs/embedder/best.pt")(_build)


def _build(
    engine: Annotated[str, typer.Argument(help="embedder, detector, classifier, or the name of a recipe in build/.")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="best.pt of `whatsit train`: becomes build/checkpoints/ENGINE.safetensors first."),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Default: build/ENGINE.yaml.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: model_repository/ENGINE/1/model.onnx.")] = None,
    card: Annotated[Path | None, typer.Option(help="Model card; default: build/ENGINE.card.md.")] = None,
    data: Annotated[Path, typer.Option(help="Folder that holds the calibration pictures.")] = Path("../shared/data"),
    target: Annotated[str, typer.Option(help="What the file is for: onnxruntime (INT8 for the CPU).")] = "onnxruntime",
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 unless the bytes are those that the card records.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Export a trained network, quantise it to INT8, compare it with float and put it in the model repository."""
    import json
    from dataclasses import replace

    from whatsit_client.errors import Unavailable

    from whatsit.engines.places import Places

    try:
        from whatsit.engines.build import build
    except ModuleNotFoundError as error:
        raise Unavailable(f"Building needs {error.name}: pip install 'whatsit[train]'.") from error

    places = Places.of(engine, data=data)
    places = replace(places, recipe=recipe or places.recipe, out=out or places.out, card=card or places.card)
    built = build(places, trained=checkpoint, target=target, check=check)
    if as_json:
        result = {"model": str(built.model), "card": str(built.card), "parity": built.parity}
        typer.echo(json.dumps(result | {"identical": built.identical, "differences": built.differences}, indent=1))
    else:
        typer.echo(f"{built.model}  {built.model.stat().st_size / 1e6:.2f} MB  (float: {built.float_model})")
        for name, value in built.parity.items():
            typer.echo(f"  {name:20} {value:.4f}")
        if built.identical:
            typer.echo("The same bytes as the card recorded.")
        for line in built.differences:
            typer.echo(f"Not the bytes that the card recorded; {line}.")
    if check and not built.identical:
        raise typer.Exit(1)
