"""Layout of a catalogue's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whatsit.catalogue.serving_pair import EMBEDDERS, index_root, read_pair


@dataclass(frozen=True)
class Layout:
    """The folder of one catalogue.

    Args:
        folder: holds `catalogue.sqlite` (items, vectors, the change log), `index/` (the published generations),
            `pictures/` (those that callers sent, and those from the web that were to be kept; a merchant's own files
            stay where they are) and, once measured, `calibration.json` (the threshold), `ranker.onnx` (what `learned`
            learned), `clicks/` (photos of which a person chose the item), and after a roll-out `pairs.json` and
            `embedders/` (networks of the catalogue's own, each with its index).
    """

    folder: Path

    @property
    def store(self) -> Path:
        """Return the SQLite file."""
        return self.folder / "catalogue.sqlite"

    @property
    def address(self) -> Path:
        """Names the store, where it is in Milvus and not in this folder."""
        return self.folder / "store.json"

    @property
    def index(self) -> Path:
        """Return the folder with `CURRENT` and `generations/` of the embedder that serves."""
        pair = read_pair(self.folder)
        return self.folder / "index" if pair is None else index_root(self.folder, pair.serving)

    @property
    def embedders(self) -> Path:
        """Return the folder of the catalogue's own embedders."""
        return self.folder / EMBEDDERS

    @property
    def calibration(self) -> Path:
        """Return the threshold's file, if `whatsit calibrate` wrote one."""
        return self.folder / "calibration.json"

    @property
    def ranker(self) -> Path:
        """Return the trained ranker, if `whatsit train ranker` wrote one."""
        return self.folder / "ranker.onnx"

    @property
    def clicks(self) -> Path:
        """Return the folder of photos behind the click log."""
        return self.folder / "clicks"

    @property
    def pictures(self) -> Path:
        """Return the folder of pictures that were sent over the network."""
        return self.folder / "pictures"
