"""`whatsit evaluate domains`: recall of embedders on unseen domains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whatsit.cli.options import DATA, WEIGHTS, Data, OnnxThreads, Weights


def domains(
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="A file (.onnx, best.pt of a run, .safetensors), LABEL=FILE, or shipped, mobilenet_v2, "
            "efficientnet_lite0, efficientnet_lite2 (these three frozen as they come from ImageNet)."
        ),
    ] = None,
    data: Data = DATA,
    weights: Weights = WEIGHTS,
    limit: Annotated[int | None, typer.Option(min=1, help="Grocery and clothing queries, evenly spread.")] = None,
    only: Annotated[str, typer.Option(help="Only domains whose name contains this.")] = "",
    views: Annotated[
        bool,
        typer.Option("--views", help="Searched pictures are means of eight views, as in a catalogue with --views."),
    ] = False,
    threads: OnnxThreads = 1,
    csv: Annotated[Path | None, typer.Option(help="Add each row there; what it has is not measured again.")] = None,
) -> None:
    """Measure recall of embedders on domains, most of them never trained on."""
    from rich.console import Console
    from rich.table import Table

    from whatsit.evaluation.datasets.retrieval_domains import photographed_domains, real_domains
    from whatsit.studies.domain_recall import measure_all, open_embedder, with_views

    found = [d for d in (*real_domains(data, limit), *photographed_domains(data)) if only in d.name]
    embedders = [open_embedder(name, weights, threads) for name in network or ("shipped", "mobilenet_v2")]
    embedders = [with_views(embedder) for embedder in embedders] if views else embedders
    rows = measure_all(found, embedders, csv, Console(stderr=True))
    table = Table("domain", "queries", "gallery", *(e.name for e in embedders), title="R@1 / R@20, percent")
    for domain in found:
        of_domain = {row.network: row for row in rows if row.domain == domain.name}
        cells = [f"{100 * row.recall_at_1:.1f} / {100 * row.recall_at_20:.1f}" for row in of_domain.values()]
        first = next(iter(of_domain.values()))
        table.add_row(domain.name, str(first.queries), str(first.gallery), *cells)
    Console(width=None if Console().is_terminal else 140).print(table)
