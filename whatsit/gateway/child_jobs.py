"""Processes of the gateway that fill review queues and import files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

# Ends with the gateway (prctl), and gives way to searches (nice). Not `-m`: see `process`.
# To Linux the parent is the thread that started the process: that must not end before the gateway does.
_PROGRAM = (
    "import sys, os, ctypes, signal; del sys.path[0]; os.nice(10); "
    "ctypes.CDLL(None).prctl(1, signal.SIGTERM); from {module} import main; sys.exit(main())"
)


class ChildJobs:
    """Starts jobs, and ends them with the gateway."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        self._starter = ThreadPoolExecutor(1, "whatsit-jobs")

    def start(self, module: str, arguments: Mapping[str, Any]) -> int:
        """Start the `main` of a module; return the process id.

        Args:
            module: dotted name.
            arguments: it reads them as JSON from standard input.
        """
        return self._starter.submit(self._start, module, arguments).result()

    def _start(self, module: str, arguments: Mapping[str, Any]) -> int:
        self._running = [process for process in self._running if process.poll() is None]
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(module=module)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None  # a pipe
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(dict(arguments)).encode())
        self._running.append(process)
        return process.pid

    def stop(self) -> None:
        """End the jobs; what they did stays, and they can be started again."""
        self._starter.shutdown()
        for process in self._running:
            process.terminate()
        for process in self._running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(2.0)
            process.kill()
            process.wait()
