"""The gateway on one catalogue, without Triton, for measurements of the studio's calls."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from whatsit.engines.repository import default_root
from whatsit.gateway.app import build_app
from whatsit.gateway.http_protocol import limited_protocol
from whatsit.gateway.settings import Settings


@contextmanager
def studio_server(catalogue: Path) -> Iterator[str]:
    """Serve a catalogue on a free port of loopback; give the URL.

    Searches are answered 503; all that the studio does works.
    """
    settings = Settings(
        catalogues={"default": catalogue},
        model_repository=default_root() / "model_repository",
        upstream="http://127.0.0.1:9",
        open_role="admin",
    )
    config = uvicorn.Config(
        build_app(settings), http=limited_protocol(settings.limits), lifespan="on", ws="none", log_config=None,
        access_log=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
