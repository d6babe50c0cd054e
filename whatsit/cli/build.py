"""`whatsit build embedder|detector|classifier`: from a checkpoint to the file that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(name="build", epilog="Example: whatsit build embedder --checkpoint build/runs/embedder/best.pt")(_build)


def _build(
    engine: Annotated[str, typer.Argument(help="embedder, detector or classifier.")],
    checkpoint: Annotated[Path | None, typer.Option(help="Default: build/runs/ENGINE/best.pt.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Default: build/ENGINE.yaml.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: model_repository/ENGINE/1/model.onnx.")] = None,
    card: Annotated[Path | None, typer.Option(help="Model card; default: build/ENGINE.card.md.")] = None,
    data: Annotated[Path, typer.Option(help="Folder that holds the calibration pictures.")] = Path("../shared/data"),
    target: Annotated[str, typer.Option(help="What the file is for: onnxruntime (INT8 for the CPU).")] = "onnxruntime",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Export a trained network, quantise it to INT8, compare it with float and put it in the model repository."""
    import json

    from whatsit_client.errors import Unavailable

    try:
        from whatsit.engines.build import build
    except ModuleNotFoundError as error:
        raise Unavailable(f"Building needs {error.name}: pip install 'whatsit[train]'.") from error

    built = build(
        engine,
        recipe or Path("build") / f"{engine}.yaml",
        checkpoint or Path("build/runs") / engine / "best.pt",
        out or Path("model_repository") / engine / "1" / "model.onnx",
        card or Path("build") / f"{engine}.card.md",
        data,
        target=target,
    )
    if as_json:
        typer.echo(json.dumps({"model": str(built.model), "card": str(built.card), "parity": built.parity}, indent=1))
        return
    typer.echo(f"{built.model}  {built.model.stat().st_size / 1e6:.2f} MB  (float: {built.float_model})")
    for name, value in built.parity.items():
        typer.echo(f"  {name:20} {value:.4f}")
