"""`whatsit evaluate …`: how good a network or the whole service is, on data with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.unseen import unseen

app = typer.Typer(no_args_is_help=True, help="Measure a network or the running service on data with known truth.")
app.command(epilog="Example: whatsit evaluate unseen --max-minutes 6 --csv unseen.csv")(unseen)

Data = Annotated[Path, typer.Option(help="Folder that holds the data sets.")]
Weights = Annotated[Path, typer.Option(help="Folder that holds the starting weights, to compare with.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads of ONNX Runtime.")]
FROZEN = "mobilenet_v2_1.0_224_float.onnx"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command(epilog="Example: whatsit evaluate embedder --model model_repository/embedder/1/model.onnx")
def embedder(
    model: Annotated[Path, typer.Option(help="The ONNX file that takes the embedder's place.")] = Path(
        "model_repository/embedder/1/model.onnx"
    ),
    data: Data = Path("../shared/data"),
    weights: Weights = Path("../shared/weights"),
    threads: Threads = 1,
    clothing: Annotated[bool, typer.Option(help="Measure garments too (3,400 photos more).")] = True,
    scenes: Annotated[int, typer.Option(min=1, help="Drawn scenes of the unseen shop, three products each.")] = 100,
    out: Annotated[Path | None, typer.Option(help="Folder for PNGs of the hardest confusions.")] = None,
    json_: AsJson = False,
) -> None:
    """Recall@1 and @5 of the embedder, with the frozen ImageNet features beside it in the same run."""
    import json
    from dataclasses import asdict

    import numpy as np
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from whatsit.engines.open_runner import open_runner
    from whatsit.engines.runner import OnnxRunner
    from whatsit.evaluation.clothing import Clothing
    from whatsit.evaluation.embedder_report import Embed, EmbedderReport
    from whatsit.evaluation.grocery import GroceryStore
    from whatsit.evaluation.rendered_shop import RenderedShop

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
    if json_:
        typer.echo(json.dumps({name: [asdict(row) for row in part] for name, part in rows.items()}, indent=1))
        return
    table = Table(title=f"{model} ({model.stat().st_size / 1e6:.1f} MB) and the frozen ImageNet MobileNetV2")
    for column in ("measure", "queries", "gallery", "R@1", "R@5", "frozen R@1", "frozen R@5"):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for row, base in zip(rows["embedder"], rows["frozen"], strict=True):
        figures = (row.recall_at_1, row.recall_at_5, base.recall_at_1, base.recall_at_5)
        table.add_row(row.measure, str(row.queries), str(row.gallery), *(f"{100 * f:.1f}" for f in figures))
    Console().print(table)


@app.command(epilog="Example: whatsit evaluate identify --data ../shared/data/grocery_store")
def identify(
    data: Annotated[Path, typer.Option(help="The grocery_store data set.")] = Path("../shared/data/grocery_store"),
    work: Annotated[Path, typer.Option(help="Where the catalogue of shop images is built.")] = Path(
        "build/runs/evaluate-identify"
    ),
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many photos, evenly spread.")] = None,
    json_: AsJson = False,
) -> None:
    """Start Triton on the 81 shop images and send the val photos over gRPC, one call each: recall@1 and @5."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from whatsit.serving.evaluation import evaluate_grocery

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("indexing, starting Triton", total=None)
        report = evaluate_grocery(
            data,
            work,
            limit,
            lambda total: progress.update(task, description="identifying", total=total),
            lambda: progress.advance(task),
        )
    if json_:
        typer.echo(json.dumps(asdict(report), indent=1))
        return
    table = Table("photos", "number", "looked up", "R@1", "R@5", title="grocery val photos -> 81 shop images, gRPC")
    for row in report.rows:
        table.add_row(row.group, str(row.queries), row.mode, f"{row.recall_at_1:.1%}", f"{row.recall_at_5:.1%}")
    Console().print(table)
    typer.echo(
        f"{report.calls} calls, nv_inference_request_success of identify rose by {report.successes}; "
        f"{report.regions:.1f} regions a picture; gate closed on {report.gated}; "
        f"answer right on {report.answered / report.calls:.1%}; median {report.median_ms:.0f} ms a call, one caller."
    )


@app.command(epilog="Example: whatsit evaluate detector --model model_repository/detector/1/model.onnx")
def detector(
    model: Annotated[Path, typer.Option(help="The ONNX file that takes the detector's place.")] = Path(
        "model_repository/detector/1/model.onnx"
    ),
    data: Data = Path("../shared/data"),
    weights: Weights = Path("../shared/weights"),
    held_out: Annotated[Path, typer.Option(help="Names of the coco128 pictures that training left out.")] = Path(
        "build/detector.heldout.txt"
    ),
    threads: Threads = 1,
    scenes: Annotated[int, typer.Option(min=1, help="Drawn scenes of a shop that training left out.")] = 100,
    json_: AsJson = False,
) -> None:
    """Class-free recall of 20 boxes and AP50 of the detector, with YOLOX-nano beside it in the same run."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from whatsit.engines.open_runner import open_runner
    from whatsit.engines.runner import OnnxRunner
    from whatsit.evaluation import detector_report as report
    from whatsit.evaluation.labelled import read_names

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
    if json_:
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


@app.command(epilog="Example: whatsit evaluate classifier --model model_repository/classifier/1/model.onnx")
def classifier(
    model: Annotated[Path, typer.Option(help="The ONNX file that takes the classifier's place.")] = Path(
        "model_repository/classifier/1/model.onnx"
    ),
    data: Data = Path("../shared/data"),
    weights: Weights = Path("../shared/weights"),
    drawn: Annotated[Path, typer.Option(help="Where drawn pictures are kept.")] = Path(
        "build/runs/evaluate-classifier"
    ),
    threads: Threads = 1,
    json_: AsJson = False,
) -> None:
    """The gate (is there something to look up?), the source and the tags, on pictures that training never saw.

    The frozen ImageNet network, its classes summed into tags and intents, stands beside it.
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from whatsit.engines.open_runner import open_runner
    from whatsit.engines.runner import OnnxRunner
    from whatsit.evaluation import classifier_sets as report

    with Console(stderr=True).status("composing and classifying"):
        sets = report.judged_sets(data, drawn)
        with open_runner(model, threads) as own, OnnxRunner(weights / FROZEN, threads) as frozen:
            figures, teacher = report.judge_beside(own.run, frozen.run, sets)
    if json_:
        known = [
            {name: {k: v for k, v in row.items() if v == v} for name, row in f.items()} for f in (figures, teacher)
        ]
        typer.echo(json.dumps(dict(zip(("classifier", "frozen"), known, strict=True)), indent=1))
        return
    table = Table(title=f"{model} ({model.stat().st_size / 1e6:.1f} MB); the frozen ImageNet network in brackets")
    columns = {
        "false other": "false_other",
        "other kept": "other_kept",
        "intent": "intent_accuracy",
        "source": "source",
    }
    columns |= {"tag": "tag", "tag top 5": "tag_top5", "topic": "topic"}
    for column in ("pictures", "number", *columns):
        table.add_column(column, justify="left" if column == "pictures" else "right")
    for judged in sets:
        own_row, other = figures[judged.name], teacher[judged.name]
        cells = [_beside(own_row[key], other.get(key)) for key in columns.values()]
        table.add_row(judged.name, f"{own_row['pictures']:.0f}", *cells)
    Console(width=None if Console().is_terminal else 140).print(table)
    typer.echo(
        f"Gate: AUC {figures['gate']['auc']:.4f} ({teacher['gate']['auc']:.4f}), false accepts at 95 % coverage "
        f"{figures['gate']['false_accepts_95']:.1%} ({teacher['gate']['false_accepts_95']:.1%}): goods in the grocery "
        "and clothing photos against held-out ImageNet photos without goods."
    )
    typer.echo(
        f"Best tag as the frozen network's on held-out ImageNet photos: {figures['teacher']['tag_agreement']:.1%}."
    )


def _beside(own: float, other: float | None) -> str:
    """A share in percent with the other network's in brackets; a dash where there is nothing to measure."""
    shown = "-" if own != own else f"{100 * own:.1f}"
    return shown if other is None or other != other else f"{shown} ({100 * other:.1f})"
