"""Log of finished parts, from which an interrupted command resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput


class ProgressLog:
    """JSON lines on disk: the settings first, then a line for each finished part.

    Args:
        path: the file; it is made with the first entry.
        settings: of the work; a journal of other settings is not continued.

    Raises:
        InvalidInput: the file is of work with other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self._settings = json.loads(json.dumps(settings))
        self.entries: list[dict[str, Any]] = []
        if path.is_file():
            # A line that was cut off by a crash has no end: its part is done again.
            lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
            rows = [json.loads(line) for line in lines]
            if rows and rows[0].get("settings") != self._settings:
                raise InvalidInput(f"{path} was begun with other settings: repeat them, or delete it to start anew.")
            self.entries = rows[1:]
            path.write_text("".join(lines), encoding="utf-8")

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append an entry."""
        new = not self.path.is_file() or not self.path.stat().st_size
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            if new:
                file.write(json.dumps({"settings": self._settings}) + "\n")
            file.write(json.dumps(entry) + "\n")
        self.entries.append(dict(entry))
