"""A server of our own on a copy of a catalogue: what is changed under load is nobody's."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from whatsit_client.errors import InvalidInput

from perf.common.setting import DEMO
from whatsit.server.launcher import Ports, Server

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
MOST_PICTURES = 64
_PRODUCTS, _SCENES = 300, 12  # as `whatsit demo` has them


def stage_demo(console: Console) -> Path:
    """The folder of the demo with its catalogue, shop and scenes; what is there already is kept."""
    from whatsit.catalogue.ingest.add import index_source
    from whatsit.demo.demo_data import prepare_shop

    with console.status("Preparing the demo's shop and catalogue …"):
        stage = prepare_shop(DEMO, _PRODUCTS, _SCENES)
        index_source(stage.catalogue, stage.source)
    return DEMO


def pictures(folder: Path, most: int = MOST_PICTURES) -> list[bytes]:
    """At most so many pictures of a folder, spread evenly over its names.

    Raises:
        InvalidInput: there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not found:
        raise InvalidInput(f"There are no pictures in {folder}: give a folder with JPEG, PNG or WebP files.")
    step = max(1.0, len(found) / most)
    return [found[int(place * step)].read_bytes() for place in range(min(len(found), most))]


@contextlib.contextmanager
def copied(catalogue: Path) -> Iterator[Path]:
    """A copy of a catalogue in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="whatsit-load-") as folder:
        yield Path(shutil.copytree(catalogue, Path(folder, "catalogue")))


@contextlib.contextmanager
def served(catalogue: Path, console: Console) -> Iterator[Server]:
    """A server on this catalogue, on free ports of the loopback address; stopped at the end, whatever happens."""
    server = Server(catalogue, ports=Ports(0, 0, 0))
    try:
        with console.status("Starting Triton …"):
            server.start()
        yield server
    finally:
        server.stop()
