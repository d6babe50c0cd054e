"""Process of the gateway, started by the launcher."""

from __future__ import annotations

import argparse
import ctypes
import logging
import signal
import socket
import sys

import uvicorn
from whatsit_client.errors import WhatsitError

from whatsit.gateway.app import build_app
from whatsit.gateway.http_protocol import limited_protocol
from whatsit.gateway.settings import Settings


def main() -> int:
    """Serve until SIGTERM; the exit code is 1 where the gateway cannot begin."""
    parser = argparse.ArgumentParser(prog="whatsit.gateway")
    parser.add_argument("--fd", type=int, required=True, action="append", help="listening socket")
    parser.add_argument("--grpc-port", type=int, help="port of Triton's gRPC protocol")
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # Linux: end with the launcher
    settings = Settings.model_validate_json(sys.stdin.buffer.read())
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # broken requests are counted, not logged
    try:
        app = build_app(settings, given.grpc_port)
    except WhatsitError as error:
        print(error, file=sys.stderr)
        return 1
    config = uvicorn.Config(
        app,
        http=limited_protocol(settings.limits),
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        backlog=2048,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[socket.socket(fileno=descriptor) for descriptor in given.fd])
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
