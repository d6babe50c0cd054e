"""Logs of changes and of requests, as JSON Lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from whatsit_client.errors import Unavailable

from whatsit.gateway.access import Caller


class JsonLog:
    """Appends records to a file, one JSON object a line.

    Args:
        path: of the file, "-" for standard output, None for no log.

    Raises:
        Unavailable: the file cannot be written.
    """

    def __init__(self, path: Path | str | None) -> None:
        self._file: TextIO | None = None
        if path is not None:
            try:
                # Open for as long as the server runs.
                self._file = sys.stdout if str(path) == "-" else Path(path).open("a", encoding="utf-8")  # noqa: SIM115
            except OSError as error:
                raise Unavailable(f"The log {path} cannot be written ({error.strerror}).") from error

    def write(self, record: dict[str, Any]) -> None:
        """Append a record with the time, UTC; a full disk loses the line, not the request."""
        if self._file is None:
            return
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        try:
            self._file.write(json.dumps({"time": time, **record}) + "\n")
            self._file.flush()
        except (OSError, ValueError):
            return


class AuditLog(JsonLog):
    """Who changed what, and when."""

    def record(
        self, caller: Caller, operation: str, catalogue: str, ids: Sequence[str], done: bool, request: str
    ) -> None:
        """Append a change."""
        self.write(
            {
                "request": request,
                "key": caller.name,
                "key_id": caller.id,
                "address": caller.address,
                "operation": operation,
                "catalogue": catalogue,
                "ids": list(ids),
                "done": done,
            }
        )
