"""`whatsit build NAME`: from a checkpoint to the files that serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whatsit.cli.options import AsJson

if TYPE_CHECKING:
    from whatsit.engines.build_paths import BuildPaths

TARGETS = ("onnxruntime", "tensorrt", "tensorrt-rtx")


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(name="build", epilog="Example: whatsit build embedder --checkpoint build/runs/embedder/best.pt")(_build)


def _build(
    engine: Annotated[
        str, typer.Argument(help="embedder, detector, classifier, scan, or the name of a recipe in build/.")
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="best.pt of `whatsit train`; it is first converted to build/checkpoints/ENGINE.safetensors."),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Default: build/ENGINE.yaml.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Default: model_repository/ENGINE/1/model.onnx; plans go to the cache folder."),
    ] = None,
    card: Annotated[Path | None, typer.Option(help="Model card; default: build/ENGINE.card.md.")] = None,
    data: Annotated[Path, typer.Option(help="Folder with the calibration pictures.")] = Path("../shared/data"),
    target: Annotated[
        str, typer.Option(help="onnxruntime: the ONNX files; tensorrt or tensorrt-rtx: also compile a plan.")
    ] = "onnxruntime",
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 unless the bytes are those in the card.")
    ] = False,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="If a tolerance is missed, find the layers that must stay in float.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Repeat the cached steps of earlier builds.")] = False,
    from_onnx: Annotated[
        Path | None, typer.Option(help="Import your own float network as ENGINE, instead of a checkpoint.")
    ] = None,
    from_transformers: Annotated[
        str | None,
        typer.Option(help="Import an embedder with a backbone of Hugging Face, such as facebook/dinov2-small."),
    ] = None,
    quantise: Annotated[
        bool, typer.Option("--quantise", help="Quantise your own network to INT8; default: float and FP16.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export a trained network, quantise it for CPU and GPU, and install both.

    Both are compared with float first; a figure below the recipe's tolerance stops the build.
    With --target tensorrt the installed ONNX file is compiled for this machine's GPU, without data or torch.
    """
    import json
    from dataclasses import replace

    from whatsit_client.errors import InvalidInput, Unavailable

    from whatsit.engines.build_paths import BuildPaths

    if target not in TARGETS:
        raise InvalidInput(f"There is no target {target!r}: choose {', '.join(TARGETS)}.")
    paths = BuildPaths.of(engine, data=data)
    paths = replace(paths, recipe=recipe or paths.recipe, card=card or paths.card)
    if not paths.recipe.is_file() and recipe is None:
        names = ", ".join(sorted(path.stem for path in paths.recipe.parent.glob("*.yaml") if _is_recipe(path)))
        raise InvalidInput(
            f"There is no recipe {paths.recipe}; choose {names}, or pass --recipe."
            if names
            else f"There is no recipe {paths.recipe}: run in the folder of a checkout, or pass --recipe."
        )
    compiles = target != "onnxruntime"
    if out is not None and compiles:
        paths = replace(paths, plan=out)
    elif out is not None:
        paths = replace(paths, out=out, tensorrt=out.with_name("tensorrt.onnx"))
    if paths.engine == "scan" and (compiles or bisect or from_onnx or from_transformers):
        raise InvalidInput("The scan network is built for ONNX Runtime and ncnn alone: leave the other options out.")
    result: dict[str, Any] = {}
    try:
        if from_onnx or from_transformers:
            result |= _import_network(paths, from_onnx, from_transformers, quantise)
        elif not compiles or checkpoint or fresh or check or not paths.tensorrt.is_file():
            result |= _build_networks(paths, checkpoint, check, bisect, fresh)
        if compiles and not check:  # the cache names a plan by the file that is compiled, which may be new
            result |= _compile_plan(paths if out else replace(paths, plan=BuildPaths.of(engine).plan), target)
    except ModuleNotFoundError as error:
        raise Unavailable(f"Building needs {error.name}: pip install 'whatsit[train]'.") from error
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        _print(result, check)
    if check and not result.get("identical"):
        raise typer.Exit(1)


def _is_recipe(path: Path) -> bool:
    """Return whether a YAML file has an `engine:` section."""
    return any(line.startswith("engine:") for line in path.read_text(encoding="utf-8").splitlines())


def _build_networks(paths: BuildPaths, trained: Path | None, check: bool, bisect: bool, fresh: bool) -> dict[str, Any]:
    from whatsit.engines.build import build
    from whatsit.engines.build_paths import SCAN
    from whatsit.engines.build_scan import build_scan

    if paths.engine == SCAN:
        scan = build_scan(paths, trained=trained, check=check, fresh=fresh)
        return {
            "files": {form: str(path) for form, path in scan.files.items()},
            "card": str(scan.card),
            "parity": scan.parity,
            "identical": scan.identical,
            "differences": list(scan.differences),
        }
    built = build(paths, trained=trained, check=check, bisect=bisect, fresh=fresh)
    return {
        "model": str(built.model),
        "tensorrt": str(built.tensorrt),
        "card": str(built.card),
        "parity": built.parity,
        "identical": built.identical,
        "differences": list(built.differences),
    }


def _import_network(paths: BuildPaths, path: Path | None, name: str | None, quantise: bool) -> dict[str, Any]:
    """Import a user's own network, or a pretrained one by name."""
    from whatsit_client.errors import InvalidInput

    from whatsit.engines.import_onnx import import_onnx

    if name is not None:
        if path is not None or paths.engine != "embedder" or quantise:
            raise InvalidInput("--from-transformers makes an embedder alone, in float32 and FP16: leave the rest out.")
        path = _export_pretrained(paths, name)
    assert path is not None
    parity = import_onnx(paths, path, quantise=quantise, origin=name or "")
    return {"model": str(paths.out), "tensorrt": str(paths.tensorrt), "card": str(paths.card), "parity": parity}


def _export_pretrained(paths: BuildPaths, name: str) -> Path:
    from whatsit.engines.build_recipe import read_build_recipe
    from whatsit.engines.calibration_pictures import read_batches, select_pictures
    from whatsit.engines.tensor_contract import CONTRACTS
    from whatsit.engines.trained_networks import write_pretrained

    pictures = select_pictures(read_build_recipe(paths.recipe).engine.calibration, paths.data)
    batches = read_batches([*pictures.calibrating, *pictures.checking], CONTRACTS["embedder"].prepare)
    path = paths.work / "pretrained.onnx"
    write_pretrained(name, batches, path)
    return path


def _compile_plan(paths: BuildPaths, target: str) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import Progress

    from whatsit.engines.plan_builder import compile_engine

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"Compiling for {target}", total=None)

        def update(phase: str, done: int, total: int) -> None:
            progress.update(task, description=phase[:60], completed=done, total=total)

        plan, card = compile_engine(paths, target, update)
    return {"plan": str(plan.path), "plan card": str(card), **plan.facts()}


def _print(result: dict[str, Any], check: bool) -> None:
    named = [result[name] for name in ("model", "tensorrt", "plan") if name in result]
    made = [Path(file) for file in (*named, *result.get("files", {}).values())]
    for path in made:
        if path.is_file():
            typer.echo(f"{path}  {path.stat().st_size / 1e6:.2f} MB")
    for form, values in result.get("parity", {}).items():
        typer.echo(f"{form}, against float:")
        for name, value in values.items():
            typer.echo(f"  {name:26} {value:.4f}")
    if "library" in result:
        typer.echo(f"Compiled by {result['library']} in {result['seconds']} s; card: {result['plan card']}.")
    if result.get("identical"):
        typer.echo("The same bytes as in the card.")
    elif result.get("identical") is False:
        if check:
            typer.echo(f"Not the bytes in the card {result['card']}; what differs:")
        else:
            files = " ".join(str(path) for path in (*made, result["card"]))
            typer.echo(f"The network in {made[0]} was replaced. To get the committed one back:")
            typer.echo(f"  git checkout -- {files} build/checkpoints")
            typer.echo("What differs from the previous build:")
        for line in result["differences"]:
            typer.echo(f"  {line}")
