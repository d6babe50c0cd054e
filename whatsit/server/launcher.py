"""A Triton process on a catalogue: start, wait until ready, stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType

from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError

from whatsit.engines.repository import NETWORKS, default_root, network_file
from whatsit.engines.runtime_target import TENSORRT, check_tensorrt
from whatsit.server.child_process import die_with_parent
from whatsit.server.installation import Installation, find_installation, lay_out_backends, server_environment
from whatsit.server.instance_counts import lay_out_served
from whatsit.server.log_summary import last_error
from whatsit.server.model_control import ModelControl, answers, control_socket, load_again
from whatsit.server.named_catalogues import NamedCatalogues
from whatsit.server.pair_follower import ModelChange, PairFollower
from whatsit.server.ports import Ports, reserve_ports
from whatsit.server.restriction import HEADER, hide_in_command_line, make_key, restriction_options
from whatsit.server.triton_options import triton_options
from whatsit.serving.environment import ENGINES_VARIABLE, LINKS_VARIABLE, READ_ONLY_VARIABLE

_LOCK_FAILURE = "boost::interprocess"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SHARED_MEMORY = Path("/dev/shm")


class Server:
    """A Triton server as a context manager.

    Args:
        catalogue: the catalogue's folder, published; or name -> folder of several, or the JSON file that names them and
            is followed, the default one first.
        root: folder with `model_repository/`, `ensembles/` and `fused/`, never written to; None for Whatsit's own.
        host: address to listen on; loopback by default.
        ports: 0 takes a free port.
        config_name: Triton's `--model-config-name`, such as "tensorrt"; None for the CPU default.
        ready_timeout: seconds to wait for readiness; after half of them the start is tried once more.
        arguments: further arguments for tritonserver.
        read_only: refuse to change the catalogue over the network.
        fused: serve the repository `fused/`, in which one step does what five do in the others; on CPUs.
        closed: no port for gRPC, and HTTP for holders of the key alone (`restricted_headers`); on the loopback address.

    A key keeps everyone else from loading and unloading models, in a server that is not closed too. It is one of
    Triton's options, and Triton takes options from its command line alone, which every user of the machine may read.
    So it is overwritten there as soon as Triton has read it, a fraction of a second after it began; mount /proc with
    hidepid=2 where that is too long.

    Raises:
        WhatsitError: one sentence on what is missing, taken, damaged or foreign.

    Example:
        >>> with Server(Path("demo/catalogue"), ports=Ports(0, 0, 0)) as server:  # doctest: +SKIP
        ...     print(server.grpc_url)
        127.0.0.1:40139
    """

    def __init__(
        self,
        catalogue: Path | Mapping[str, Path],
        root: Path | None = None,
        host: str = "127.0.0.1",
        ports: Ports | None = None,
        config_name: str | None = None,
        ready_timeout: float = 300.0,
        arguments: tuple[str, ...] = (),
        read_only: bool = False,
        fused: bool = False,
        closed: bool = False,
    ) -> None:
        if closed and host not in _LOOPBACK:
            raise InvalidInput(f"A closed server listens on {_LOOPBACK[0]} alone, not on {host}: leave the host out.")
        self.catalogues = NamedCatalogues(catalogue)
        self._root = (root or default_root()).resolve()
        self.host = host
        self.ports = reserve_ports(host, ports or Ports())
        self._config_name = config_name
        self._ready_timeout = ready_timeout
        self._arguments = arguments
        self.read_only = read_only
        self._repositories = ("fused",) if fused else ("model_repository", "ensembles")
        self.pairs = PairFollower(
            self.catalogues.folders,
            self._root / "model_repository" / "embedder" / "1" / "model.onnx",
            self._repositories,
            config_name,
        )
        self._closed = closed
        self._key = make_key()
        self._key_hidden = False
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    def catalogue(self) -> Path:
        """Return the folder of the default catalogue."""
        return next(iter(self.catalogues.folders().values()))

    def set_catalogues(self, catalogues: Mapping[str, Path]) -> None:
        """Open and close catalogues of a server that was started with names.

        Raises:
            WhatsitError: one cannot be opened, or there are no names; nothing is changed then.
        """
        self.catalogues.replace(catalogues, self._root / "model_repository", self._folder)

    @property
    def http_url(self) -> str:
        """Return `host:port` of the HTTP endpoint."""
        return f"{self.host}:{self.ports.http}"

    @property
    def grpc_url(self) -> str:
        """Return `host:port` of the gRPC endpoint."""
        return f"{self.host}:{self.ports.grpc}"

    @property
    def metrics_url(self) -> str:
        """Return the URL of the Prometheus metrics."""
        return f"http://{self.host}:{self.ports.metrics}/metrics"

    @property
    def pid(self) -> int | None:
        """Return the process id of tritonserver, None where it is not running."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def restricted_headers(self) -> dict[str, str]:
        """HTTP headers with the key of this server; the same after a restart."""
        return {HEADER: self._key}

    @property
    def exit_code(self) -> int | None:
        """Exit code of tritonserver, None while it runs and before it was started.

        A negative one is a signal.
        """
        return self._process.poll() if self._process else None

    @property
    def log(self) -> str:
        """Return everything that the server has written so far."""
        path = self._folder / "tritonserver.log" if self._folder else None
        return path.read_text(errors="replace") if path and path.is_file() else ""

    def start(self, waiting: Callable[[float], None] | None = None) -> Server:
        """Start and wait until every model is ready.

        Args:
            waiting: called a few times a second with the seconds waited so far.

        Raises:
            WhatsitError: see the class.
        """
        model_repository = self._root / "model_repository"
        for network in NETWORKS:
            network_file(model_repository, network)
        for name in self._repositories:
            if not (self._root / name).is_dir():
                raise Unavailable(
                    f"There is no model repository {self._root / name}: `whatsit repository FOLDER` writes all of them."
                )
        if self._config_name == TENSORRT:
            check_tensorrt(model_repository)
        self.catalogues.check(model_repository)
        installation = find_installation()
        for last in (False, True):
            limit = self._ready_timeout if last else self._ready_timeout / 2
            try:
                self._launch(installation)
                self._wait(waiting, limit)
            except BaseException as error:
                # Seen on a very busy machine: two of the Python backend's processes fight over a lock while they start,
                # and end, or wait for each other.
                hung = isinstance(error, Unavailable) or (isinstance(error, WhatsitError) and _LOCK_FAILURE in self.log)
                again = hung and not last
                self.stop()
                if not again:
                    raise
            else:
                break
        return self

    def _launch(self, installation: Installation) -> None:
        """Start the server's process in a temporary folder.

        The folder holds its log, backends and repositories.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="whatsit-"))
        backends = lay_out_backends(installation, self._folder / "backends")
        repositories = lay_out_served(self._root, self._folder, self._repositories, self._config_name)
        self.pairs.lay_out(self._folder)
        flags = {READ_ONLY_VARIABLE: "1" * self.read_only, LINKS_VARIABLE: "1" * self._closed}  # the gateway links
        flags[ENGINES_VARIABLE] = self._config_name if "fused" in self._repositories and self._config_name else ""
        environment = server_environment(installation, {**self.catalogues.variables(self._folder), **flags})
        socket = control_socket(self._folder, self._closed)
        restriction = restriction_options(self._key, self._closed, bool(socket))
        options = triton_options(repositories, backends, self.host, self.ports, restriction, self._config_name, socket)
        command = [str(installation.binary), *options, *self._arguments]
        self._key_hidden = False
        with (self._folder / "tritonserver.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,  # Python steps import from their working directory first: not from the user's
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which then stops the server in order
                preexec_fn=die_with_parent,
            )

    def is_live(self) -> bool:
        """Return whether the HTTP endpoint answers; False after a second."""
        return answers(f"http://{self.http_url}/v2/health/live", self.restricted_headers)

    def load(self, model: str, timeout: float = 60.0) -> None:
        """Replace all processes of a model.

        Those before serve until those after are ready. Other models, and the ensembles that it is part of, go on.

        Args:
            model: name in the model repository.
            timeout: seconds to wait for it.

        Raises:
            Unavailable: the server does not run, or could not load the model.
        """
        folders = [self._folder / name / model for name in self._repositories] if self._folder else []
        load_again(model, folders, self._control, timeout)

    def follow_pairs(self) -> ModelChange | None:
        """Load or unload the models of a roll-out; None where nothing changed."""
        if self._folder is None:
            return None

        control = self._control
        return self.pairs.follow(self._folder, partial(control, "load"), partial(control, "unload"))

    @property
    def _control(self) -> ModelControl:
        socket = control_socket(self._folder, self._closed)
        return ModelControl(self.http_url, self.restricted_headers, f"{socket}:{self.ports.grpc}" if socket else "")

    def stop(self, grace: float = 15.0) -> None:
        """Stop the server and its processes; does nothing when it is not running.

        Args:
            grace: seconds for open requests to end before the processes are killed.
        """
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(grace)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._folder is not None:
            for region in _SHARED_MEMORY.glob(f"{self._folder.name}-*"):  # a server that was killed leaves them
                region.unlink(missing_ok=True)
            self.pairs.stop()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Server:
        return self.start() if self._process is None else self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait(self, waiting: Callable[[float], None] | None, limit: float) -> None:
        assert self._process is not None
        begin = time.monotonic()
        # The metrics endpoint opens a moment after the others.
        ready = f"http://{self.http_url}/v2/health/ready"
        while not (answers(ready, self.restricted_headers) and answers(self.metrics_url, {})):
            if not self._key_hidden and self.log:  # what it logs first comes after it has read its options
                self._key_hidden = hide_in_command_line(self._process.pid, self._key)
            waited = time.monotonic() - begin
            if self._process.poll() is not None:
                raise WhatsitError(f"Triton ended before it was ready: {last_error(self.log)}")
            if waited > limit:
                raise Unavailable(f"Triton was not ready after {limit:.0f} s: {last_error(self.log)}")
            if waiting:
                waiting(waited)
            time.sleep(0.1)
