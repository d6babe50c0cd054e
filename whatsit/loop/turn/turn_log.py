"""One log of a turn, written by every process that works on it."""

from __future__ import annotations

import os
from pathlib import Path

from whatsit.loop.turn.turn_state import LOG, now


class TurnLog:
    """Appends lines to the log of a turn, on any machine that sees its folder.

    Args:
        folder: of the turn.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / LOG

    def __call__(self, step: str, sentence: str) -> None:
        """Append a line: time, process, step, sentence."""
        line = f"{now()} {os.uname().nodename}-{os.getpid()} {step:8} {sentence}\n".encode()
        handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, line)  # one write: lines of several processes do not mix
        finally:
            os.close(handle)

    def lines(self, most: int = 20) -> list[str]:
        """Return the latest lines."""
        if not self.file.is_file():
            return []
        return self.file.read_text(encoding="utf-8", errors="replace").splitlines()[-most:]
