"""Servers of trial configurations, from a copy of the model repository."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from whatsit_client.errors import Unavailable

from whatsit.engines.repository import lay_out_repositories
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports
from whatsit.tuning.closed_loop import Block, Load, cpu_seconds
from whatsit.tuning.config_overlay import write_overlays
from whatsit.tuning.model_costs import Cost, Counters, read_counters
from whatsit.tuning.search_space import Configuration

# A round lasts about so long at the speed of the first configuration, and always holds every picture as often.
_ROUND_SECONDS = 1.8


class TrialServers:
    """`ServerPool` of real servers; closing it removes processes and files.

    Args:
        root: folder with `model_repository/` and `ensembles/`; it is never written to.
        base: name of the configs to begin from; None for config.pbtxt.
        catalogue: the published catalogue that is served.
        pictures: encoded files, the load.
    """

    def __init__(self, root: Path, base: str | None, catalogue: Path, pictures: Sequence[bytes]) -> None:
        self._base, self._catalogue, self._pictures = base, catalogue, pictures
        self._root = root
        self._folder: Path | None = None
        self._running: list[TrialServer] = []
        self._made = 0
        self.calls = 0  # of a round; set by the first server

    def __enter__(self) -> TrialServers:
        self._folder = Path(tempfile.mkdtemp(prefix="whatsit-tune-"))
        lay_out_repositories(self._root, self._folder, os.symlink)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for running in list(self._running):
            running.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, configuration: Configuration) -> TrialServer:
        """Start a server with these values and send it every picture once.

        Raises:
            WhatsitError: it does not start, or refuses a picture.
        """
        assert self._folder is not None
        self._made += 1
        name = f"trial-{self._made}"
        repository = self._folder / "model_repository"
        write_overlays(self._root / "model_repository", self._base, configuration, name, "A trial.", repository)
        server = Server(self._catalogue, self._folder, ports=Ports(0, 0, 0), config_name=name, read_only=True)
        try:
            server.start()
            running = TrialServer(self, server, configuration, self._pictures)
            self._running.append(running)
        except BaseException:
            server.stop()
            raise
        try:
            running.warm_up()
        except BaseException:
            running.close()
            raise
        return running

    def forget(self, running: TrialServer) -> None:
        """Remove a server that was stopped."""
        if running in self._running:
            self._running.remove(running)


class TrialServer:
    """The `Candidate` of one server.

    Args:
        pool: that started it.
        server: running.
        configuration: that it serves.
        pictures: the load.
    """

    def __init__(
        self, pool: TrialServers, server: Server, configuration: Configuration, pictures: Sequence[bytes]
    ) -> None:
        self._pool, self._server, self._pictures = pool, server, len(pictures)
        self.configuration = configuration
        self._load = Load(server.grpc_url, pictures)
        self._before: Mapping[str, Counters] = {}

    def warm_up(self) -> None:
        """Warm a server up; the first one also sets the length of a round.

        Raises:
            Unavailable: a picture was refused.
        """
        for _ in range(2):
            block = self._load.run(self._pictures, min(4, self._pictures))
            if block.failures:
                raise Unavailable(f"The server refused a picture: {block.failures[0]}")
        if not self._pool.calls:
            passes = max(1, round(_ROUND_SECONDS * block.rate / self._pictures))
            self._pool.calls = passes * self._pictures
        self._before = read_counters(self._server.grpc_url)

    def block(self, concurrency: int) -> Block:
        """Run one round.

        Raises:
            Unavailable: the server has ended.
        """
        pid = self._server.pid
        if pid is None:
            raise Unavailable("Triton ended during a trial.")
        before = cpu_seconds(pid)
        block = self._load.run(self._pool.calls, concurrency)
        spent = 1000 * (cpu_seconds(pid) - before) / max(1, len(block.latencies_ms))
        return Block(block.seconds, block.latencies_ms, block.failures, spent)

    def costs(self) -> Mapping[str, Cost]:
        """Return the cost of each model since the warm-up."""
        now = read_counters(self._server.grpc_url)
        return {name: counters.since(self._before[name]) for name, counters in now.items() if name in self._before}

    def close(self) -> None:
        """Stop the server."""
        self._load.close()
        self._server.stop()
        self._pool.forget(self)
