"""`whatsit evaluate …`: quality of networks and service on data with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.evaluate.answers import answers
from whatsit.cli.evaluate.domains import domains
from whatsit.cli.evaluate.unseen import unseen
from whatsit.cli.options import DATA, WEIGHTS, AsJson, Data, OnnxThreads, Weights

app = typer.Typer(no_args_is_help=True, help="Measure a network or the running service on data with known truth.")
app.command(epilog="Example: whatsit evaluate unseen --max-minutes 6 --csv unseen.csv")(unseen)
app.command(epilog="Example: whatsit evaluate answers --figure reliability.png")(answers)
app.command(epilog="Example: whatsit evaluate domains --network shipped --network efficientnet_lite0")(domains)

FROZEN = "mobilenet_v2_1.0_224_float.onnx"


@app.command(epilog="Example: whatsit evaluate embedder --model model_repository/embedder/1/model.onnx")
def embedder(
    model: Annotated[Path, typer.Option(help="The ONNX file that takes the embedder's place.")] = Path(
        "model_repository/embedder/1/model.onnx"
    ),
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    threads: OnnxThreads = 1,
    clothing: Annotated[bool, typer.Option(help="Measure garments too (3,400 photos more).")] = True,
    scenes: Annotated[int, typer.Option(min=1, help="Drawn scenes of the unseen shop, three products each.")] = 100,
    out: Annotated[Path | None, typer.Option(help="Folder for PNGs of the hardest confusions.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure recall@1 and @5 of the embedder beside frozen ImageNet features."""
    import json
    from dataclasses import asdict

    import numpy as np
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from whatsit.engines.onnx_runner import OnnxRunner
    from whatsit.engines.open_runner import open_runner
    from whatsit.evaluation.datasets.clothing import Clothing
    from whatsit.evaluation.datasets.grocery import GroceryStore
    from whatsit.evaluation.datasets.rendered_shop import RenderedShop
    from whatsit.evaluation.reports.embedder_report import Embed, EmbedderReport

    shop = RenderedShop(scenes=scenes)
    console = Console(stderr=True)
    with open_runner(model, threads) as own, OnnxRunner(weights / FROZEN, threads) as frozen:
        embedders: dict[str, Embed] = {
            "embedder": lambda crops: own.run({"images": crops})["embedding"].astype(np.float32),
            "frozen": lambda crops: frozen.run({"images": (crops.astype(np.float32) - 127.5) / 127.5})[
                "embedding"
            ].astype(np.float32),
        }
        rows = {}
        for name, embed in embedders.items():
            sheets = out if name == "embedder" else None
            report = EmbedderReport(embed, lambda p, n, what: track(p, f"{what:23}", n, console=console), sheets)
            rows[name] = [*report.grocery(GroceryStore(data / "grocery_store")), *report.rendered(shop)]
            rows[name] += report.clothing(Clothing(data / "clothing_small")) if clothing else []
    if as_json:
        typer.echo(json.dumps({name: [asdict(row) for row in part] for name, part in rows.items()}, indent=1))
        return
    table = Table(title=f"{model} ({model.stat().st_size / 1e6:.1f} MB) and the frozen ImageNet MobileNetV2")
    for column in ("measure", "queries", "gallery", "R@1", "R@5", "frozen R@1", "frozen R@5"):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for row, base in zip(rows["embedder"], rows["frozen"], strict=True):
        figures = (row.recall_at_1, row.recall_at_5, base.recall_at_1, base.recall_at_5)
        table.add_row(row.measure, str(row.queries), str(row.gallery), *(f"{100 * f:.1f}" for f in figures))
    Console().print(table)


@app.command(epilog="Example: whatsit evaluate detector --model model_repository/detector/1/model.onnx")
def detector(
    model: Annotated[Path, typer.Option(help="The ONNX file that takes the detector's place.")] = Path(
        "model_repository/detector/1/model.onnx"
    ),
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    held_out: Annotated[Path, typer.Option(help="Names of the coco128 pictures that training left out.")] = Path(
        "build/detector.heldout.txt"
    ),
    threads: OnnxThreads = 1,
    scenes: Annotated[int, typer.Option(min=1, help="Drawn scenes of a shop that training left out.")] = 100,
    out: Annotated[Path | None, typer.Option(help="Folder for PNGs: precision-recall, and scenes with boxes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure class-free recall of 20 boxes and AP50 beside YOLOX-nano."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from whatsit.engines.onnx_runner import OnnxRunner
    from whatsit.engines.open_runner import open_runner
    from whatsit.evaluation.datasets.labelled_pictures import read_names
    from whatsit.evaluation.reports import detector_report as report

    names = read_names(held_out)
    with open_runner(model, threads) as own, OnnxRunner(weights / "yolox_nano.onnx", threads) as yolox:
        finders = {
            "detector": report.detector_finder(own.run),
            "yolox_nano": report.yolox_finder(yolox.run),
        }
        sets = {
            f"coco128, {len(names)} held-out scenes": lambda: report.coco_scenes(data, names),
            f"rendered shop 2, {scenes} scenes": lambda: report.shop_scenes(scenes=scenes),
        }
        scores = report.compare(finders, sets)
        if out is not None:
            report.draw(finders, list(report.coco_scenes(data, names)), out)
    if as_json:
        typer.echo(json.dumps({k: {name: asdict(s) for name, s in v.items()} for k, v in scores.items()}, indent=1))
        return
    table = Table(title=f"{model} ({model.stat().st_size / 1e6:.1f} MB) and yolox_nano, class-free, IoU 0.5, 20 boxes")
    for column in ("pictures", "detector", "boxes", "recall", "recall big", "AP50"):
        table.add_column(column, justify="left" if column in {"pictures", "detector"} else "right")
    for name, row in scores.items():
        for finder, score in row.items():
            figures = (score.recall, score.recall_big, score.ap50)
            table.add_row(name, finder, str(score.boxes), *(f"{100 * f:.1f}" for f in figures))
    Console().print(table)
