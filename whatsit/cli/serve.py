"""The command `whatsit serve`: Triton and its gateway on a catalogue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from whatsit.server.supervisor import State

_GRACE_WITHOUT_REQUESTS = 2.0  # Triton ends a model's instances one by one, 1.5 s each


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Example: whatsit serve --catalogue demo/catalogue",
        help="Serve a published catalogue: Triton, and the gateway in front of it, until Ctrl-C.",
    )(serve)


def serve(
    catalogue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="The catalogue's folder, published; NAME=DIR for each of several, the default one first.",
            show_default=False,
        ),
    ] = None,
    catalogues: Annotated[
        Path | None,
        typer.Option(
            help='JSON file {"NAME": "DIR"} of several catalogues; those added to it or removed from it are opened and '
            "closed at once.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where the catalogue is in Milvus, such as milvus://host:19530/database; the folder is made, and "
            "remembers it.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but a loopback address needs keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="HTTP port of the gateway; 0 takes a free one.")] = 8080,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 8001,
    http_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Triton's HTTP port with --bare; a second port of the gateway without."),
    ] = None,
    metrics_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of Triton's metrics on the loopback address; 0 takes a free one."),
    ] = 8002,
    bare: Annotated[
        bool,
        typer.Option(
            "--bare",
            help="No gateway: expose Triton itself, whose callers may change the catalogue, register shared memory and "
            "crash it. For closed networks.",
        ),
    ] = False,
    keys: Annotated[
        Path | None, typer.Option(envvar="WHATSIT_KEYS", help="File of the callers' keys; see `whatsit keys`.")
    ] = None,
    open_role: Annotated[
        str | None, typer.Option("--open", help="What callers without a key may do: search.", show_default=False)
    ] = None,
    hold_seconds: Annotated[
        float, typer.Option(min=0, help="Seconds that a request waits for a Triton that is restarted.")
    ] = 30.0,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM): HTTPS and encrypted gRPC.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Web origin whose pages may call, such as https://shop.example.")
    ] = None,
    collect: Annotated[
        str,
        typer.Option(
            help="What the page may send of visitors who agree: off, clicks (which item a photo shows, and the photo), "
            "or crops (searched regions too)."
        ),
    ] = "off",
    max_body: Annotated[int, typer.Option(min=1, max=1024, help="Largest request in MB.")] = 32,
    rate: Annotated[float | None, typer.Option(help="Requests a second of a key without a rate of its own.")] = None,
    audit_log: Annotated[Path | None, typer.Option(help="Append every change to this file, as JSON lines.")] = None,
    access_log: Annotated[str | None, typer.Option(help="Append every request to this file; - prints them.")] = None,
    repository: Annotated[
        Path | None,
        typer.Option(help="Folder with model_repository/ and ensembles/ (or fused/) instead of Whatsit's own."),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            help="onnxruntime or openvino (CPU), tensorrt (NVIDIA GPU), or auto: tensorrt where it can be, else "
            "what `whatsit engines choose --write` chose.",
        ),
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
    """Serve a published catalogue until Ctrl-C."""
    import signal

    from rich.console import Console
    from whatsit_client.errors import InvalidInput

    from whatsit.catalogue.backends import set_store_url
    from whatsit.cli.serve_addresses import Addresses
    from whatsit.engines.repository import default_root
    from whatsit.engines.runtime_target import TENSORRT, config_name
    from whatsit.gateway.settings import Limits
    from whatsit.gateway.startup import Options, StateFile, choose_catalogues, gateway_of
    from whatsit.server.core_usage import core_usage_warning
    from whatsit.server.launcher import Server
    from whatsit.server.ports import Ports
    from whatsit.server.supervisor import Supervisor
    from whatsit.server.tracing import Tracing
    from whatsit.tuning.config_overlay import check_named, stale_models

    if bare:
        _check_bare(
            {
                "--keys or WHATSIT_KEYS": keys,
                "--open": open_role,
                "--tls-cert": tls_cert,
                "--tls-key": tls_key,
                "--origin": origin,
                "--rate": rate,
                "--audit-log": audit_log,
                "--access-log": access_log,
            }
        )
    state_file = StateFile()
    served = choose_catalogues(catalogue or [], catalogues, state_file.path.parent)
    if store is not None:
        if served.is_file():
            raise InvalidInput("--store is for one catalogue without a name: name the store of each when it is made.")
        set_store_url(served, store)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` stops in the same order as Ctrl-C
    console = Console(stderr=True)
    models = (repository or default_root()) / "model_repository"
    if fused:
        _check_fused(target, config)
    engines = config_name(target, models)
    if fused and engines == TENSORRT:
        engines = None
    gpu = engines == TENSORRT
    if config is not None:
        check_named(models, config)
        if stale := stale_models(models, config):
            console.print(f"Made from other configurations than there are now: {', '.join(stale)}; tune again.")
    traced = Tracing(trace_to, trace_rate).arguments() if trace_to else ()
    options = None
    if not bare:
        limits = Limits(body_bytes=max_body << 20, rate=rate)
        options = Options(
            host, port, grpc_port, http_port, keys, open_role, hold_seconds, tls_cert, tls_key, tuple(origin or ()),
            audit_log, access_log, limits, collect=_collect(collect),
        ).checked()  # fmt: skip
    server = Server(
        served,
        repository,
        host if bare else "127.0.0.1",
        Ports(8000 if http_port is None else http_port, grpc_port, metrics_port) if bare else Ports(0, 0, metrics_port),
        config or engines,
        ready_timeout,
        traced,
        read_only,
        fused,
        closed=not bare,
    )

    if not bare:
        server.pairs.file = state_file.path.with_name("pairs.json")

    def changed(state: State) -> None:
        _print_state(console, state)
        state_file.write(state)

    supervisor = Supervisor(server, changed)
    gateway = None if options is None else gateway_of(options, server, state_file, models, console.print)
    try:
        with console.status("Starting Triton …") as status:
            supervisor.start(lambda waited: status.update(f"Starting Triton … {waited:.0f} s"))
        if gateway is None or options is None:
            addresses = Addresses(server.http_url, server.grpc_url)
        else:
            gateway.start()
            addresses = Addresses(
                gateway.http_url, gateway.grpc_url, options.old_port or 0, bool(tls_cert), options.needs_key, page=True
            )
        console.print(
            f"[green]Ready[/] on the {'GPU' if gpu else 'CPU'}. {addresses.text(server.metrics_url)}",
            highlight=False,
            soft_wrap=True,
        )
        hint = core_usage_warning(repository, fused) if repository and not (gpu or config) else None
        if hint:
            console.print(hint, highlight=False, soft_wrap=True)
        if bare and not read_only and host not in ("127.0.0.1", "::1", "localhost"):
            console.print(f"Whoever reaches {host} can change the catalogue too; --read-only prevents that.")
        supervisor.wait()  # it ended by itself: Triton is started again after what callers and the system do to it
        raise typer.Exit(1)
    except KeyboardInterrupt:
        console.print("Stopping …")
    finally:
        with _signals_ignored():  # what is started is stopped, however often Ctrl-C is pressed
            if gateway is not None:
                gateway.stop()  # it waits for the callers' requests: Triton has none after that
            if gateway is None or trace_to:  # Triton sends its last traces as it ends
                supervisor.stop()
            else:
                supervisor.stop(_GRACE_WITHOUT_REQUESTS)
            state_file.remove()


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """Ignore Ctrl-C and TERM in the block."""
    import signal

    before = {one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _collect(given: str) -> Literal["off", "clicks", "crops"]:
    """Return a checked value of --collect."""
    from whatsit_client.errors import InvalidInput

    if given not in ("off", "clicks", "crops"):
        raise InvalidInput(f"--collect is off, clicks or crops, not '{given}'.")
    return cast("Literal['off', 'clicks', 'crops']", given)


def _check_bare(given: Mapping[str, object]) -> None:
    """Refuse options of the gateway that Triton itself does not have.

    Args:
        given: option -> its value.
    """
    from whatsit_client.errors import InvalidInput

    named = [option for option, value in given.items() if value is not None and value != []]
    if named:
        raise InvalidInput(
            f"--bare has no gateway, so {', '.join(named)} would do nothing: leave out --bare, or these."
        )


def _check_fused(target: str, config: str | None) -> None:
    """Refuse what the fused step cannot serve."""
    from whatsit_client.errors import InvalidInput

    if target not in ("auto", "onnxruntime", "openvino"):
        raise InvalidInput(f"--fused serves on CPUs, not on {target}: leave one of the two out.")
    if config is not None:
        raise InvalidInput(f"--fused has no configurations such as {config}: leave one of the two out.")


def _print_state(console: Console, state: State) -> None:
    if state.reason:
        console.print(state.reason, style="red" if state.name == "stopped" else None, markup=False, highlight=False)
