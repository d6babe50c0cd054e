"""Address of a catalogue in Milvus, and the connection to it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from whatsit_client.errors import InvalidInput, Unavailable

TOKEN_VARIABLE = "WHATSIT_MILVUS_TOKEN"
"""Names the environment variable with the token: `user:password`, or an API key. No file or command holds it."""

CONSISTENCIES = ("Strong", "Bounded", "Session", "Eventually")
INDEXES = ("HNSW", "FLAT", "AUTOINDEX", "DISKANN", "IVF_FLAT", "IVF_SQ8")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
_PORT = 19530
_SECONDS = 10.0
# pymilvus pings every 10 s, also without calls. A Milvus server allows that; milvus-lite's server has gRPC's defaults
# (two pings in five minutes) and may close the channel with "Too many pings", on which the next connect fails. So pings
# are sent only during a call, and not at all where the server runs in this process (a file): it cannot be lost alone.
_PINGS = {"grpc.keepalive_permit_without_calls": 0}
_NO_PINGS = {**_PINGS, "grpc.keepalive_time_ms": 2**31 - 1}


@dataclass(frozen=True)
class Address:
    """A catalogue in Milvus.

    Args:
        uri: what pymilvus connects to, the path of a milvus-lite file among others.
        database: in a server; "" for its default one.
        catalogue: begins the names of its collections, so that one database holds several.
        index: of the vectors: exact in a file, a graph on a server by default.
        consistency: of every read. With `Strong` what was acknowledged counts in every later search, on any machine.
    """

    uri: str
    database: str = ""
    catalogue: str = "whatsit"
    index: str = "HNSW"
    consistency: str = "Strong"

    @property
    def is_file(self) -> bool:
        """Return whether it is a milvus-lite file, which one process at a time may open."""
        return not self.uri.startswith(("http://", "https://"))

    @classmethod
    def parse(cls, url: str) -> Address:
        """Parse `milvus://path/to/file.db` or `milvus://host:19530/database`.

        An absolute path has three slashes.

        After `?`: `catalogue=NAME`, `index=…`, `consistency=…` and `tls=1`.

        Raises:
            InvalidInput: it is no such address, or holds a password.
        """
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.scheme != "milvus" or not (parts.netloc + parts.path).strip("/"):
            raise InvalidInput(f"'{url}' is no address like milvus://host:19530/database or milvus://path/to/file.db.")
        if "@" in parts.netloc:
            raise InvalidInput(f"A store's address holds no password: put user:password into {TOKEN_VARIABLE}.")
        path = parts.netloc + parts.path
        is_file = path.endswith(".db")
        tls = options.pop("tls", "0")
        catalogue = options.pop("catalogue", "whatsit")
        index = options.pop("index", "FLAT" if is_file else "HNSW").upper()
        consistency = options.pop("consistency", "Strong").capitalize()
        if options or tls not in ("0", "1") or index not in INDEXES or consistency not in CONSISTENCIES:
            raise InvalidInput(
                f"After '?' in '{url}' may stand catalogue=NAME, tls=0 or 1, index={'|'.join(INDEXES)} and "
                f"consistency={'|'.join(CONSISTENCIES)}."
            )
        if not _NAME.fullmatch(catalogue):
            raise InvalidInput(f"A catalogue's name in Milvus has letters, digits and _ alone, not '{catalogue[:60]}'.")
        if is_file:
            return cls(str(Path(path).absolute()), "", catalogue, index, consistency)
        try:
            host, port = parts.hostname or "", parts.port or _PORT
        except ValueError as error:
            raise InvalidInput(f"The port in '{url}' is no number from 1 to 65535.") from error
        host = f"[{host}]" if ":" in host else host
        uri = f"{'https' if tls == '1' else 'http'}://{host}:{port}"
        return cls(uri, parts.path.strip("/"), catalogue, index, consistency)

    def connect(self) -> Any:
        """Open a `pymilvus.MilvusClient`.

        Raises:
            Unavailable: pymilvus is not installed, or nothing answers there, or it refuses, or the file is in use.
        """
        try:
            from pymilvus import MilvusClient
        except ModuleNotFoundError as error:
            raise Unavailable("Milvus needs the package pymilvus: pip install 'whatsit[milvus]'.") from error
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs what it raises as well, with tracebacks
        if self.is_file:
            for name in ("milvus_lite", "grpc._server"):
                logging.getLogger(name).setLevel(logging.CRITICAL)
            Path(self.uri).parent.mkdir(parents=True, exist_ok=True)
        with translate_errors(self.uri):
            return MilvusClient(
                uri=self.uri,
                db_name=self.database,
                token=os.environ.get(TOKEN_VARIABLE, ""),
                timeout=_SECONDS,
                grpc_options=_NO_PINGS if self.is_file else _PINGS,
            )


@contextmanager
def translate_errors(place: str) -> Iterator[None]:
    """Translate Milvus' errors to one sentence.

    Raises:
        Unavailable: Milvus failed or refused.
    """
    from pymilvus.exceptions import ConnectionConfigException, MilvusException

    try:
        yield
    except ConnectionConfigException as error:
        raise Unavailable(
            f"The file {place} cannot be opened with milvus-lite: another process has it open, or the package is "
            "missing. Share a file by 'milvus-lite server --data-dir FILE' and milvus://127.0.0.1:19530."
        ) from error
    except MilvusException as error:
        reason = str(getattr(error, "message", None) or error).splitlines()[0][:300]
        raise Unavailable(f"Milvus at {place} failed: {reason.rstrip('.')}.") from error
