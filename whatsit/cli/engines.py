"""`whatsit engines`: which engine runs the networks fastest on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson, ModelRepository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from whatsit.engines.engine_comparison import Comparison, Pixels

app = typer.Typer(no_args_is_help=True, help="Engines that run the networks: ONNX Runtime and OpenVINO on CPUs.")

_MOST_PICTURES = 48


@app.command(epilog="Example: whatsit engines choose --write")
def choose(
    seconds: Annotated[float, typer.Option(min=1, max=600, help="What the measurement may take, about.")] = 60.0,
    write: Annotated[
        bool, typer.Option("--write", help="Serve the networks so: `whatsit serve` reads it where --target is auto.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete what was written before, and measure nothing.")
    ] = False,
    photos: Annotated[
        Path | None, typer.Option(help="Folder of pictures on which the answers are compared; drawn ones by default.")
    ] = None,
    model_repository: ModelRepository = None,
    as_json: AsJson = False,
) -> None:
    """Measure ONNX Runtime and OpenVINO on this machine.

    The networks run in turns on one thread; OpenVINO's answers must fulfil the tolerances of the networks' recipes.
    """
    from rich.console import Console
    from whatsit_client.errors import InvalidInput

    from whatsit.engines.chosen_engines import forget_choice, write_choice
    from whatsit.engines.engine_comparison import advice, compare_engines, drawn_pictures
    from whatsit.engines.openvino_runner import check_openvino
    from whatsit.engines.repository import NETWORKS, default_root

    console = Console(stderr=as_json, highlight=False)
    repository = model_repository or default_root() / "model_repository"
    if forget:
        if write:
            raise InvalidInput("--forget deletes a choice and --write makes one: leave one of the two out.")
        deleted = forget_choice(repository)
        console.print("The networks are served by ONNX Runtime again." if deleted else "Nothing was chosen before.")
        return
    check_openvino()
    with console.status("Preparing pictures …") as status:
        pictures = drawn_pictures() if photos is None else _read(photos)
        found = []
        for network in NETWORKS:
            status.update(f"Measuring the {network} …")
            # Loading, comparing and warming up take about as long again as the runs that count.
            found.append(compare_engines(network, repository, pictures, seconds / 2 / len(NETWORKS)))
    if as_json:
        print(
            json.dumps({"advice": advice(found), "networks": [asdict(one) | {"engine": one.engine} for one in found]})
        )
    else:
        _print(console, found)
        console.print(advice(found), soft_wrap=True)
    if write:
        for path in write_choice(repository, {one.network: one.engine for one in found}):
            console.print(f"Written: {path}", soft_wrap=True)


def _read(folder: Path) -> list[Pixels]:
    """Read the first pictures of a folder."""
    from whatsit_client.errors import InvalidInput, WhatsitError

    from whatsit.pipeline.decoded_picture import decode_picture

    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}: give one with pictures to --photos.")
    pictures = []
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        try:
            pictures.append(decode_picture(path.read_bytes()).pixels)
        except WhatsitError:  # a table, or a damaged picture
            continue
        if len(pictures) == _MOST_PICTURES:
            break
    if len(pictures) < 2:
        raise InvalidInput(f"{folder} has fewer than two pictures: give another folder to --photos.")
    return pictures


def _print(console: Console, found: Sequence[Comparison]) -> None:
    from rich.table import Table

    from whatsit.engines.processor_flags import processor_flags

    flags = processor_flags()
    console.print(f"Processor: {', '.join(flags) or 'flags unknown'}; one thread, medians, 95 % interval of the ratio.")
    table = Table("network", "rows", "ONNX Runtime ms", "OpenVINO ms", "speed-up", "runs", "answers")
    for one in found:
        answers = "missed: " + ", ".join(one.missed) if one.missed else "within tolerances"
        times = f"{one.onnxruntime_ms:.1f}", f"{one.openvino_ms:.1f}"
        table.add_row(one.network, str(one.rows), *times, str(one.speedup), str(one.runs), answers)
    console.print(table)
