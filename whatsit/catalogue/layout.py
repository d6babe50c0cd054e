"""Where things lie in a catalogue's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folder of one catalogue.

    Args:
        folder: holds `catalogue.sqlite` (items, pictures, vectors), `index/` (the published generations) and, once
            measured, `calibration.json` (the threshold).
    """

    folder: Path

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.folder / "catalogue.sqlite"

    @property
    def index(self) -> Path:
        """The folder with `CURRENT` and `generations/`."""
        return self.folder / "index"

    @property
    def calibration(self) -> Path:
        """The threshold's file, if `whatsit calibrate` wrote one."""
        return self.folder / "calibration.json"
