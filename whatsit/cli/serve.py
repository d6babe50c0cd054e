"""`whatsit serve`: a real Triton on a catalogue, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from whatsit.server.launcher import Server


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Example: whatsit serve --catalogue demo/catalogue",
        help="Start Triton on a published catalogue and serve until Ctrl-C.",
    )(serve)


def serve(
    catalogue: Annotated[Path, typer.Option(help="The catalogue's folder, published.")],
    store: Annotated[
        str | None,
        typer.Option(
            help="Where the catalogue is in Milvus, such as milvus://host:19530/database; the folder is made, and "
            "remembers it.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="HTTP port; 0 takes a free one.")] = 8000,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 8001,
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="Metrics port; 0 takes a free one.")] = 8002,
    repository: Annotated[
        Path | None,
        typer.Option(help="Folder with model_repository/ and ensembles/ (or fused/) instead of Whatsit's own."),
    ] = None,
    target: Annotated[
        str, typer.Option(help="onnxruntime (CPU), tensorrt (NVIDIA GPU), or auto: tensorrt where it can be.")
    ] = "auto",
    config: Annotated[
        str | None,
        typer.Option(help="Serve configs/NAME.pbtxt where a model has one; `whatsit tune` writes the name tuned."),
    ] = None,
    fused: Annotated[
        bool,
        typer.Option(
            "--fused",
            help="Decoding, networks and regions in one step instead of five: more pictures a second on CPUs, but no "
            "figures of Triton's for each network.",
        ),
    ] = False,
    ready_timeout: Annotated[float, typer.Option(help="Seconds to wait until every model is ready.")] = 300.0,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Nobody may change the catalogue over the network.")
    ] = False,
    trace_to: Annotated[
        str | None,
        typer.Option(
            help="Traces go to an OpenTelemetry collector, such as http://collector:4318/v1/traces, or to a file."
        ),
    ] = None,
    trace_rate: Annotated[int, typer.Option(min=1, help="One request of so many is traced.")] = 1000,
) -> None:
    """Start Triton on a published catalogue and serve until Ctrl-C."""
    import signal

    from rich.console import Console

    from whatsit.catalogue.backends import set_store_url
    from whatsit.engines.repository import default_root
    from whatsit.engines.runtime_target import config_name
    from whatsit.server.core_usage import core_usage_warning
    from whatsit.server.launcher import Server
    from whatsit.server.ports import Ports
    from whatsit.server.tracing import Tracing
    from whatsit.tuning.config_overlay import check_named, stale_models

    if store is not None:
        set_store_url(catalogue, store)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` stops in the same order as Ctrl-C
    console = Console(stderr=True)
    ports = Ports(http_port, grpc_port, metrics_port)
    models = (repository or default_root()) / "model_repository"
    if fused:
        _check_fused(target, config)
    gpu = None if fused else config_name(target, models)
    if config is not None:
        check_named(models, config)
        if stale := stale_models(models, config):
            console.print(f"Made from other configurations than there are now: {', '.join(stale)}; tune again.")
    traced = Tracing(trace_to, trace_rate).arguments() if trace_to else ()
    server = Server(catalogue, repository, host, ports, config or gpu, ready_timeout, traced, read_only, fused)
    try:
        _start(server, console)
        where = f"HTTP {server.http_url}  gRPC {server.grpc_url}  metrics {server.metrics_url}"
        console.print(
            f"[green]Ready[/] on the {'GPU' if gpu else 'CPU'}. {where}\n"
            f"Try: whatsit identify photo.jpg --url {server.grpc_url}    (Ctrl-C stops the server)",
            highlight=False,
        )
        hint = None if gpu or config else core_usage_warning(repository, fused)
        if hint:
            console.print(hint, highlight=False, soft_wrap=True)
        if not read_only and host not in ("127.0.0.1", "::1", "localhost"):
            console.print(f"Whoever reaches {host} can change the catalogue too; --read-only prevents that.")
        # Triton 2.51 crashes when gRPC callers cancel (its issues #7368, #8034): callers find it again in seconds.
        while (code := server.wait()) < 0:
            console.print(f"Triton was ended by signal {-code}; starting it again.")
            server.stop()
            _start(server, console)
            console.print("[green]Ready[/] again.")
        console.print(f"Triton ended by itself with exit code {code}; the end of its log:\n{server.log[-2000:]}")
        raise typer.Exit(1)
    except KeyboardInterrupt:
        console.print("Stopping Triton …")
    finally:
        server.stop()


def _check_fused(target: str, config: str | None) -> None:
    """Refuse what the fused step cannot serve."""
    from whatsit_client.errors import InvalidInput

    if target not in ("auto", "onnxruntime"):
        raise InvalidInput(f"--fused serves on CPUs, not on {target}: leave one of the two out.")
    if config is not None:
        raise InvalidInput(f"--fused has no configurations such as {config}: leave one of the two out.")


def _start(server: Server, console: Console) -> None:
    with console.status("Starting Triton …") as status:
        server.start(lambda waited: status.update(f"Starting Triton … {waited:.0f} s"))
