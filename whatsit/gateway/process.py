"""The gateway's process: started, watched and stopped by `whatsit serve`."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO

from whatsit_client.errors import Unavailable, WhatsitError

from whatsit.gateway.settings import Settings
from whatsit.server.ports import bind_port

_CHECK_SECONDS = 0.2
# Not `-m`, which imports from the working directory first: a user's json.py would take the place of Python's.
_PROGRAM = "import sys; del sys.path[0]; from whatsit.gateway.__main__ import main; sys.exit(main())"
_START_SECONDS = 30.0


class GatewayProcess:
    """A gateway in a process of its own, started again where it falls.

    The launcher holds the listening sockets: callers wait while the process is replaced, and are not refused.

    Args:
        settings: of the gateway.
        port: of HTTP; 0 takes a free one.
        old_port: of HTTP too, where it is free; None for no second port.
        grpc_port: of gRPC; 0 takes a free one.
        report: takes a sentence where the process was replaced.

    Raises:
        Unavailable: a port is taken.
    """

    def __init__(
        self,
        settings: Settings,
        port: int,
        grpc_port: int,
        report: Callable[[str], None],
        old_port: int | None = None,
    ) -> None:
        self._settings, self._report = settings, report
        self._sockets = [bind_port(settings.host, port, "HTTP")]
        if old_port is not None:
            with contextlib.suppress(Unavailable):
                self._sockets.append(bind_port(settings.host, old_port, "HTTP"))
        with bind_port(settings.host, grpc_port, "gRPC") as probe:
            self.grpc_port: int = probe.getsockname()[1]
        self.port: int = self._sockets[0].getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: deque[str] = deque(maxlen=40)
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    @property
    def url(self) -> str:
        """URL to open in a browser."""
        return f"http{'s' if self._settings.tls_cert else ''}://{self._host}:{self.port}"

    @property
    def http_url(self) -> str:
        """`host:port` of HTTP."""
        return f"{self._host}:{self.port}"

    @property
    def grpc_url(self) -> str:
        """`host:port` of gRPC."""
        return f"{self._host}:{self.grpc_port}"

    @property
    def pid(self) -> int | None:
        """Process id, None where it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process and wait until it accepts requests.

        Raises:
            WhatsitError: it ended at once; the sentence is its.
        """
        for listening in self._sockets:
            listening.listen(2048)
        self._launch()
        end = time.monotonic() + _START_SECONDS
        while not _accepts(self._host, self.grpc_port):
            if self._process is None or self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                lines = [line for line in self._lines if line.strip()] or ["it wrote nothing"]
                telling = next((line for line in lines if "Error" in line or "cannot" in line), lines[-1])
                raise WhatsitError(f"The gateway did not start: {telling.strip()}")
            time.sleep(_CHECK_SECONDS)
        self._watcher.start()

    def stop(self) -> None:
        """Stop the process after running requests, and close the socket."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()  # it may be replacing the process just now
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15.0)
            self._process.kill()
            self._process.wait()
        for listening in self._sockets:
            listening.close()

    @property
    def _host(self) -> str:
        host = self._settings.host
        return f"[{host}]" if ":" in host else host

    def _launch(self) -> None:
        descriptors = [listening.fileno() for listening in self._sockets]
        command = [sys.executable, "-c", _PROGRAM, *(f"--fd={descriptor}" for descriptor in descriptors)]
        self._process = subprocess.Popen(
            [*command, f"--grpc-port={self.grpc_port}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=True,  # Ctrl-C reaches the launcher alone
        )
        threading.Thread(target=self._forward, args=(self._process.stderr,), daemon=True).start()
        assert self._process.stdin is not None  # a pipe
        self._process.stdin.write(self._settings.model_dump_json().encode())
        self._process.stdin.close()

    def _forward(self, lines: IO[bytes]) -> None:
        """Print what the process logs, once it is ready, and keep the last lines."""
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            self._lines.append(text)
            if self._watcher.is_alive():
                print(text, file=sys.stderr, flush=True)

    def _watch(self) -> None:
        """Replace a process that ends while it should run."""
        while not self._stopping.wait(_CHECK_SECONDS):
            if self._process is not None and self._process.poll() is not None and not self._stopping.is_set():
                self._report(f"The gateway ended with code {self._process.returncode}; starting it again.")
                begin = time.monotonic()
                try:
                    self._launch()
                except OSError as error:  # no memory, or too many processes, for a while
                    self._report(f"The gateway could not be started again ({error.strerror or error}); trying on.")
                self._stopping.wait(max(0.0, 1.0 - (time.monotonic() - begin)))


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host.strip("[]"), port), timeout=1):
            return True
    except OSError:
        return False
