"""`whatsit demo`: from pictures to answers on this machine, with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.progress_bar import progress_bars

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from whatsit_client.identification import Identification

    from whatsit.demo.demo_data import DemoData
    from whatsit.demo.identify_scenes import Result, Totals
    from whatsit.demo.item_results import ItemResult

_SHOWN_SKIPPED = 5


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Example: whatsit demo --photos ~/Pictures/products",
        help="Render a shop (or take your own pictures), index it, start a real Triton, and identify pictures of it.",
    )(demo)


def demo(
    photos: Annotated[
        Path | None,
        typer.Option(help="Your own pictures, instead of the rendered shop; a products.csv or .jsonl there is used."),
    ] = None,
    count: Annotated[int, typer.Option(min=2, max=100_000, help="Products of the rendered shop.")] = 300,
    scenes: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Pictures to identify; 12 scenes, or 60 of your own, unless told."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End after the figures, instead of leaving the page open until Ctrl-C.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where shop, index and results go; what is there is used again.")] = Path(
        "demo"
    ),
) -> None:
    """Render a shop, index it, start Triton, identify scenes and count right answers."""
    import signal
    import sys

    from rich.console import Console

    from whatsit.demo.demo_data import prepare_photos, prepare_shop

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` stops in the same order as Ctrl-C
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        with progress_bars(not console.is_terminal, console) as advanced:
            if photos is None:
                data = prepare_shop(out, count, scenes or 12, advanced)
            else:
                data = prepare_photos(out, photos, scenes or 60, advanced)
        _index(console, data)
        _show(console, data, _identify(console, data))
        if console.is_terminal and not once:
            _open_page(console, data)
    except KeyboardInterrupt:
        console.print("Stopped. What is done is kept: the same command goes on from here.")
        raise typer.Exit(130) from None


def _open_page(console: Console, data: DemoData) -> None:
    """Serve the catalogue with its page until Ctrl-C."""
    from whatsit.cli.serve import serve
    from whatsit.server.ports import free_port

    console.print("\nNow in a browser: try one of the pictures in", f"{data.folder / 'scenes'}", style="bold")
    serve(
        catalogue=[str(data.catalogue)],
        port=free_port("127.0.0.1", 8080),
        grpc_port=free_port("127.0.0.1", 8001),
        metrics_port=0,
    )


def _index(console: Console, data: DemoData) -> None:
    from whatsit.catalogue.ingest.add import add_to_catalogue

    with progress_bars(not console.is_terminal, console) as advanced:
        report = add_to_catalogue(
            data.catalogue,
            data.source,
            geometry=True,
            publish=True,
            progress=lambda done, total, _: advanced("Embedding items", done, total),
        ).report
    console.print(
        f"Catalogue {data.catalogue}: {report.kept} items, {report.added + report.updated} of them embedded now.",
        soft_wrap=True,
    )
    for skipped in report.skipped[:_SHOWN_SKIPPED]:
        console.print(f"  skipped {skipped.place}: {skipped.reason}", style="yellow", markup=False, soft_wrap=True)
    if len(report.skipped) > _SHOWN_SKIPPED:
        console.print(f"  … and {len(report.skipped) - _SHOWN_SKIPPED} more were skipped", style="yellow")


def _identify(console: Console, data: DemoData) -> list[Result]:
    from whatsit.demo.identify_scenes import identify_all
    from whatsit.server.launcher import Server
    from whatsit.server.ports import Ports

    results: list[Result] = []
    server = Server(data.catalogue, ports=Ports(0, 0, 0), ready_timeout=300.0)
    try:
        with console.status("Starting Triton …") as status:
            server.start(lambda waited: status.update(f"Starting Triton … {waited:.0f} s"))
        with progress_bars(not console.is_terminal, console) as advanced:
            for result in identify_all(data.queries, server.grpc_url):
                results.append(result)
                advanced("Identifying, one call a picture", len(results), len(data.queries))
    finally:
        server.stop()
    return results


def _show(console: Console, data: DemoData, results: Sequence[Result]) -> None:
    from whatsit.demo.identify_scenes import save_pictures, sum_results

    console.print(_table(results))
    _print_totals(console, sum_results(results))
    with console.status("Drawing …"):
        folder, sheet = save_pictures(data, results)
    example = max(results, key=lambda result: result.found.answer.confidence)
    console.print(f"\nThe answer for {example.query.image.name}: {_answer(example.found)}", soft_wrap=True)
    console.print(f"Annotated pictures: {folder}/\nContact sheet: [bold]{sheet}[/]", soft_wrap=True)
    console.print(f"Go on with: whatsit serve --catalogue {data.catalogue}", style="dim", soft_wrap=True)


def _table(results: Sequence[Result]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("Picture", "It shows", "", "Best match", title="What stands there, and what the server says")
    table.add_column("Score", justify="right")
    table.add_column("ms", justify="right")
    for result in results:
        first = True
        for item in result.items:
            best = item.best
            told = "" if best is None or item.hit else best.item.title or best.item.id
            table.add_row(
                result.query.image.stem if first else "",
                Text(item.title),
                _verdict(result.found, item),
                Text(told, style="dim"),
                f"{best.score:.2f}" if best else "",
                f"{result.milliseconds:.0f}" if first else "",
            )
            first = False
        table.add_section()
    return table


def _verdict(found: Identification, item: ItemResult) -> str:
    if item.hit:
        return "[green]found[/]"
    if item.in_top:
        return "[yellow]in the top 5[/]"
    if found.gated:
        return "[red]gate closed[/]"
    return "[red]missed[/]" if item.seen else "[red]not seen[/]"


def _print_totals(console: Console, totals: Totals) -> None:
    def share(part: int) -> str:
        return f"{part} ({part / totals.items:.0%})"

    console.print(
        f"[bold]{share(totals.hits)} of {totals.items} items found[/], {share(totals.in_top)} among the first five "
        f"matches of a region, {share(totals.seen)} with a region on them."
    )
    console.print(
        f"{totals.calls} calls of `identify` over gRPC, one after the other: median {totals.median_ms:.0f} ms."
    )


def _answer(found: Identification) -> str:
    from rich.markup import escape
    from whatsit_client.identification import headline

    ids = ", ".join(found.answer.ids[:3])
    return f"[bold]{escape(headline(found))}[/]" + (f" [dim]{escape(ids)}[/]" if ids else "")
