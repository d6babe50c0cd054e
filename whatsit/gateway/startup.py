"""The gateway that `whatsit serve` starts, from its options."""

from __future__ import annotations

import atexit
import contextlib
import json
import shlex
import shutil
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.gateway.guard import is_loopback
from whatsit.gateway.keys import KeyFile, KeyRing, Role, default_keys_file
from whatsit.gateway.process import GatewayProcess
from whatsit.gateway.settings import Limits, Settings
from whatsit.server.launcher import Server
from whatsit.server.ports import bind_port
from whatsit.server.supervisor import State
from whatsit.serving.catalogue_file import DEFAULT_CATALOGUE, check_name, read_catalogues, write_catalogues

MIN_RATE, MAX_RATE = 0.01, 1_000_000  # requests a second of one caller
OLD_PORT = 8000  # of Triton's HTTP up to 0.2: the gateway listens there too, where it is free


@dataclass(frozen=True)
class Options:
    """The gateway's options of `whatsit serve`; see `Settings`.

    Args:
        host: address to listen on.
        port: of HTTP.
        grpc_port: of gRPC.
        old_port: a second port of HTTP; None for 8000 where it is free.
        keys: file of the keys; None for the user's.
        open_role: role of callers without a key; None for none, or for admin on a loopback address.
        hold_seconds: that a request waits for a restarted Triton.
        tls_cert: certificate chain.
        tls_key: its key.
        origins: whose pages may call.
        audit_log: file of the changes.
        access_log: file of the requests.
        limits: of requests.
        collect: what the page may send of visitors.
    """

    host: str
    port: int
    grpc_port: int
    old_port: int | None
    keys: Path | None
    open_role: str | None
    hold_seconds: float
    tls_cert: Path | None
    tls_key: Path | None
    origins: tuple[str, ...]
    audit_log: Path | None
    access_log: str | None
    limits: Limits
    collect: Literal["off", "clicks", "crops"] = "off"

    def checked(self) -> Options:
        """Return the options with keys, role and second port chosen.

        Raises:
            WhatsitError: they do not allow a start.
        """
        check_tls(self.tls_cert, self.tls_key)
        check_rate(self.limits.rate)
        if bad := [one for one in self.origins if not one.startswith(("http://", "https://")) or one.count("/") != 2]:
            raise InvalidInput(f"'{bad[0]}' is no origin: write https://shop.example, without a path.")
        keys, role = choose_keys(self.host, self.keys, self.open_role)
        check_log("--audit-log", self.audit_log)
        check_log("--access-log", self.access_log)
        return replace(self, keys=keys, open_role=role, old_port=self._free_old_port())

    @property
    def needs_key(self) -> bool:
        """Whether every caller needs a key, after `checked`."""
        return self.keys is not None and self.open_role is None

    def _free_old_port(self) -> int:
        """Return the second port of HTTP; 0 where it is taken or not wanted."""
        port = OLD_PORT if self.old_port is None else self.old_port
        if port in (0, self.port, self.grpc_port):
            return 0
        try:
            bind_port(self.host, port, "HTTP").close()
        except Unavailable:
            return 0
        return port


class StateFile:
    """The state of the server, where the gateway reads it; names of catalogues too."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="whatsit-gateway-"), "state.json")
        atexit.register(self.remove)

    def write(self, state: State) -> None:
        """Replace the state; a full disk loses it, not the server."""
        new = self.path.with_suffix(".new")
        with contextlib.suppress(OSError):
            new.write_text(json.dumps({"state": state.name, "reason": state.reason}), encoding="utf-8")
            new.replace(self.path)

    def remove(self) -> None:
        """Remove the file and its folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def gateway_of(
    options: Options,
    server: Server,
    state_file: StateFile,
    models: Path,
    report: Callable[[str], None],
) -> GatewayProcess:
    """Return the gateway in front of a closed server, not started.

    Args:
        options: checked.
        server: Triton.
        state_file: its state.
        models: the model repository.
        report: takes sentences for the operator.

    Raises:
        Unavailable: a port is taken.
    """
    settings = Settings(
        catalogues=server.catalogues.folders(),
        catalogues_file=server.catalogues.file,
        model_repository=models.resolve(),
        upstream=f"http://{server.http_url}",
        upstream_headers=server.restricted_headers,
        upstream_metrics=server.metrics_url,
        pairs_file=server.pairs.file,
        state_file=state_file.path,
        host=options.host,
        keys=options.keys,
        open_role=options.open_role,
        hold_seconds=options.hold_seconds,
        collect=options.collect,
        read_only=server.read_only,
        origins=options.origins,
        audit_log=options.audit_log,
        access_log=options.access_log,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        limits=options.limits,
    )
    return GatewayProcess(settings, options.port, options.grpc_port, report, options.old_port or None)


def choose_keys(host: str, keys: Path | None, open_role: str | None) -> tuple[Path | None, str | None]:
    """Return the file of keys and the role of callers without one.

    On a loopback address no key is needed unless a file is named.

    Args:
        host: address to listen on.
        keys: file that the operator named.
        open_role: role that the operator gives to everybody.

    Raises:
        InvalidInput: the address is not a loopback address and there are neither keys nor an open role.
    """
    if open_role is not None:
        role = Role.parse(open_role)
        if role is not Role.SEARCH and not is_loopback(host):
            raise InvalidInput(
                f"--open {open_role} on {host} lets everybody change the catalogue: --open search alone."
            )
        open_role = role.name.lower()
    file = keys or default_keys_file()
    if keys is None and is_loopback(host):
        return (file if file.is_file() else None), open_role or "admin"
    if not len(KeyRing(KeyFile(file))) and open_role is None:
        named = f" --keys {shlex.quote(str(keys))}" if keys else ""
        raise InvalidInput(
            f"{host} is open to others and there are no keys in {file}: make one with `whatsit keys add NAME --role "
            f"search{named}`, or allow searches without keys by --open search."
        )
    return file, open_role


def choose_catalogues(given: list[str], file: Path | None, work: Path) -> Path:
    """Return what to start the server with: the folder of one, or the file of several.

    Args:
        given: `[NAME=]DIR` of each.
        file: that names them in place of `given`.
        work: folder for the file of `given`.

    Raises:
        InvalidInput: both or neither are given, or a name is wrong.
        Unavailable: the file cannot be read.
    """
    if bool(given) == (file is not None):
        raise InvalidInput("Name the catalogues by --catalogue [NAME=]DIR, or by --catalogues FILE.")
    if file is not None:
        read_catalogues(file)
        return file
    named = parse_catalogues(given)
    if list(named) == [DEFAULT_CATALOGUE]:
        return named[DEFAULT_CATALOGUE]
    write_catalogues(work / "catalogues.json", named)
    return work / "catalogues.json"


def parse_catalogues(given: list[str]) -> dict[str, Path]:
    """Return name -> folder of the catalogues, the default one first.

    Raises:
        InvalidInput: a name is given twice or is none, or one of several has no name.
    """
    found: dict[str, Path] = {}
    for text in given:
        name, separator, folder = text.partition("=")
        if not separator or Path(text).is_dir():
            name, folder = DEFAULT_CATALOGUE, text
        check_name(name)
        if not folder:
            raise InvalidInput(f"'{text}' names no catalogue: write --catalogue NAME=DIR.")
        if name in found:
            raise InvalidInput(f"Two catalogues are named '{name}': write --catalogue NAME=DIR for each.")
        found[name] = Path(folder)
    return found


def check_log(option: str, path: Path | str | None) -> None:
    """Refuse a log that cannot be appended to.

    Args:
        option: that names it.
        path: of the file; "-" and None are no file.

    Raises:
        Unavailable: the file cannot be written.
    """
    if path is None or str(path) == "-":
        return
    try:
        Path(path).open("a").close()
    except OSError as error:
        raise Unavailable(
            f"The log {path} cannot be written ({error.strerror}): give {option} a file in a folder that you may write."
        ) from error


def check_rate(rate: float | None) -> None:
    """Refuse a rate that lets nobody call, or that is none.

    Raises:
        InvalidInput: it is not within 0.01 and 1,000,000 requests a second.
    """
    if rate is not None and not MIN_RATE <= rate <= MAX_RATE:
        raise InvalidInput(f"--rate is a positive number of requests a second, {MIN_RATE} to {MAX_RATE}, not {rate:g}.")


def check_tls(cert: Path | None, key: Path | None) -> None:
    """Refuse a certificate without its key, or one that cannot be loaded.

    Raises:
        InvalidInput: one of the two is missing, or they do not belong together.
        Unavailable: a file cannot be read.
    """
    if (cert is None) != (key is None):
        raise InvalidInput("TLS needs both --tls-cert and --tls-key.")
    if cert is not None and key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
        except ssl.SSLError as error:
            why = f" ({error.reason})" if error.reason else ""  # none where a file is not PEM
            raise InvalidInput(
                f"{cert} and {key} are no certificate and its key{why}: name PEM files that belong together."
            ) from error
        except OSError as error:
            raise Unavailable(
                f"The certificate cannot be read ({error.filename or cert}: {error.strerror})."
            ) from error
