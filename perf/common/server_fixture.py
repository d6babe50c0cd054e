"""The demo's data, and a server of our own on a copy of a catalogue."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from whatsit_client.errors import InvalidInput

from perf.common.setting import DEMO
from whatsit.catalogue.sources.picture_folder import PICTURES
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports

MOST_PICTURES = 64
_PRODUCTS, _SCENES = 300, 12  # as `whatsit demo` has them


def prepare_demo(console: Console, demo: Path = DEMO) -> Path:
    """Return the demo's folder with catalogue, shop and scenes, made where missing."""
    from whatsit.catalogue.ingest.add import add_to_catalogue
    from whatsit.demo.demo_data import prepare_shop

    with console.status("Preparing the demo's shop and catalogue …"):
        data = prepare_shop(demo, _PRODUCTS, _SCENES)
        add_to_catalogue(data.catalogue, data.source, publish=True)
    return demo


def picture_files(folder: Path, most: int = MOST_PICTURES) -> list[Path]:
    """Return at most `most` pictures of a folder, spread evenly over its names.

    Raises:
        InvalidInput: there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not found:
        raise InvalidInput(f"There are no pictures in {folder}: give a folder with JPEG, PNG or WebP files.")
    step = max(1.0, len(found) / most)
    return [found[int(place * step)] for place in range(min(len(found), most))]


def read_pictures(folder: Path, most: int = MOST_PICTURES) -> list[bytes]:
    """Return the bytes of `picture_files`."""
    return [path.read_bytes() for path in picture_files(folder, most)]


@contextlib.contextmanager
def catalogue_copy(catalogue: Path) -> Iterator[Path]:
    """Copy a catalogue into a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="whatsit-load-") as folder:
        yield Path(shutil.copytree(catalogue, Path(folder, "catalogue")))


@contextlib.contextmanager
def running_server(catalogue: Path, console: Console, config_name: str | None = None) -> Iterator[Server]:
    """Serve a catalogue on free loopback ports until the context ends."""
    server = Server(catalogue, ports=Ports(0, 0, 0), config_name=config_name)
    try:
        with console.status("Starting Triton …"):
            server.start()
        yield server
    finally:
        server.stop()
