"""The command `whatsit top`: live metrics of a server."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.cli.options import JsonLines

if TYPE_CHECKING:
    from whatsit.serving.metrics.overview import Overview
    from whatsit.serving.metrics.scrape import MetricsPage

KEPT_RATES = 60
_REFUSALS = {
    401: "needs a valid key: set WHATSIT_KEY to one of the role admin",
    403: "refuses this caller: set WHATSIT_KEY to a key of the role admin",
}


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Example: whatsit top --url localhost:8002",
        help="Watch a server: requests, latency, each model, pictures, index and machine. q or Ctrl-C ends.",
    )(top)


def top(
    url: Annotated[str, typer.Option(help="Metrics endpoint of the server: host:port or the URL.")] = "localhost:8002",
    every: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between two readings.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Read twice, print once and end.")] = False,
    as_json: JsonLines = False,
) -> None:
    """Watch a server: requests, latency, each model, pictures, index and machine."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal is put back in order as for Ctrl-C
    address = metrics_address(url)
    if once:
        _print(_one(address, every), address, as_json)
    elif as_json or not sys.stdout.isatty():
        _stream(address, every, as_json)
    else:
        _watch(address, every)


def metrics_address(text: str) -> str:
    """Return the URL of a metrics page from `host:port` or a URL.

    Raises:
        InvalidInput: it is neither.
    """
    from urllib.parse import urlsplit

    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("http", "https") or not parts.hostname or port is None:
        raise InvalidInput(f"'{text}' is no metrics endpoint: write localhost:8002 or http://localhost:8002/metrics.")
    return f"{parts.scheme}://{parts.netloc}{parts.path if parts.path not in ('', '/') else '/metrics'}"


def _one(address: str, every: float) -> Overview:
    from whatsit.serving.metrics.overview import Overview

    before = _read_page(address)
    time.sleep(every)
    after = _read_page(address)
    if before is None or after is None:
        raise Unavailable(_no_metrics(address))
    return Overview.between(before, after)


def _no_metrics(address: str) -> str:
    """Return what is wrong where no metrics are read, often another port."""
    from urllib.parse import urlsplit

    from whatsit_client.transport.port_hint import speaker_at

    place = urlsplit(address).netloc
    found = {"grpc": "speaks gRPC", "http": "serves no metrics", "metrics": "serves no metrics"}.get(
        speaker_at(place) or ""
    )
    if found:
        return f"{place} {found}: 'whatsit serve' prints the address of its metrics, port 8002 by default."
    return f"No server answers at {address}: start one with 'whatsit serve', or give its --url."


def _read_page(address: str) -> MetricsPage | None:
    """Return the page, None where the server does not answer.

    Raises:
        InvalidInput: the server refuses the key.
        Unavailable: its certificate is not trusted.
    """
    from urllib.error import HTTPError

    from whatsit.serving.metrics.scrape import MetricsPage

    try:
        return MetricsPage.read(address, timeout=5)
    except HTTPError as error:
        error.close()
        if error.code in _REFUSALS:
            raise InvalidInput(f"The server at {address} {_REFUSALS[error.code]} ({error.code}).") from error
        return None
    except OSError as error:
        import ssl

        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise Unavailable(
                f"The certificate of {address} is not trusted ({reason.verify_message}): name the file of its issuer, "
                "or of itself if self-signed, in SSL_CERT_FILE."
            ) from error
        if isinstance(reason, ssl.SSLError):
            raise Unavailable(f"{address} cannot be read with TLS ({reason.reason}): try http://.") from error
        return None
    except ValueError:  # what answers is no page of text
        return None


def _print(overview: Overview, address: str, as_json: bool) -> None:
    from rich.console import Console

    from whatsit.cli.top_view import view

    if as_json:
        print(json.dumps(overview.to_record()), flush=True)
    else:
        console = Console()
        console.print(view(overview, address, (), console.width))


def _stream(address: str, every: float, as_json: bool) -> None:
    """Print each reading, where there is no terminal."""
    for overview, waiting in _readings(address, every, _sleep):
        if overview is not None and not waiting:
            _print(overview, address, as_json)


def _watch(address: str, every: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from whatsit.cli.top_view import view

    rates: deque[float] = deque(maxlen=KEPT_RATES)
    console = Console()
    with _keys() as pressed_q, Live(console=console, screen=True, auto_refresh=False) as live:
        live.update(Text(f"Reading {address} …"), refresh=True)
        for overview, waiting in _readings(address, every, pressed_q):
            note = f"No server answers at {address}; waiting for it." if waiting else ""
            if overview is None:
                live.update(Text(note or f"Reading {address} …"), refresh=True)
                continue
            if not waiting:
                rates.append(sum(one.rate for one in overview.models[:3]))
            live.update(view(overview, address, tuple(rates), console.width, note), refresh=True)


def _readings(address: str, every: float, wait: Callable[[float], bool]) -> Iterator[tuple[Overview | None, bool]]:
    """Yield the last overview and whether the server is away, until `wait` is true."""
    from whatsit.serving.metrics.overview import Overview

    before: MetricsPage | None = None
    overview: Overview | None = None
    while True:
        page = _read_page(address)
        fresh = page is not None and before is not None
        if page is not None and before is not None:
            overview = Overview.between(before, page)
        if fresh or page is None:
            yield overview, page is None
        before = page
        if wait(every):
            return


def _sleep(seconds: float) -> bool:
    """Sleep and return False: no key was pressed."""
    time.sleep(seconds)
    return False


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Read keys without echo; yields a function that waits for q."""
    try:
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (ImportError, OSError, ValueError, termios.error):  # no terminal to read keys from
        yield _sleep
        return

    def pressed_q(seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([descriptor], [], [], left)
            if ready and os.read(descriptor, 1) in (b"q", b"Q", b""):
                return True
        return False

    try:
        tty.setcbreak(descriptor)
        yield pressed_q
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
