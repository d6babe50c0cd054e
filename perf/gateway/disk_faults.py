"""Disks that are full, read-only or gone under a running server, and what callers see.

Usage (as root, who may mount): python -m perf.gateway.disk_faults CATALOGUE SCENES
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from whatsit_client import Client
from whatsit_client.errors import WhatsitError

from perf.gateway.kills import serve

_SIZE = "64m"


def outcome(call: Callable[[], object]) -> str:
    """Return "done", or the sentence of the refusal."""
    try:
        call()
        return "done"
    except WhatsitError as error:
        return str(error)[:160]


def main(
    catalogue: Annotated[Path, typer.Argument(help="A published catalogue; a copy is used.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of its scenes, such as demo/scenes.")],
) -> None:
    """Fill the disk, rename the catalogue's folder, and start on a read-only disk."""
    picture = min(scenes.glob("*.jpg")).read_bytes()
    table = Table("fault", "identify", "add an item", "after it is mended", "lost")
    with tempfile.TemporaryDirectory() as work:
        disk = Path(work)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", work], check=True)
        try:
            folder = disk / "shop"
            shutil.copytree(catalogue, folder)
            with serve(folder) as running, Client(running.url, timeout=90) as client:
                written: list[str] = []

                def add() -> str:
                    id = f"fault-{len(written)}"
                    done = outcome(lambda: client.upsert({"id": id, "title": "a"}, picture))
                    if done == "done":
                        written.append(id)
                    return done

                def check(name: str, begin: Callable[[], object], end: Callable[[], object]) -> None:
                    add()
                    begin()
                    found = outcome(lambda: client.identify(picture)), add()
                    end()
                    after = add()
                    lost = [id for id in written if outcome(partial(client.get, id)) != "done"]
                    table.add_row(name, *found, after, str(len(lost)))
                    print(name, found, after, lost, flush=True)

                filler = disk / "filler"
                check("disk full", lambda: _fill(filler), filler.unlink)
                away = disk / "away"
                check("folder renamed", lambda: folder.rename(away), lambda: away.rename(folder))
            # Linux refuses to remount while the server may write: it is started on a read-only disk instead.
            subprocess.run(["mount", "-o", "remount,ro", work], check=True)
            try:
                with serve(folder) as running, Client(running.url, timeout=90) as client:
                    found = (
                        outcome(lambda: client.identify(picture)),
                        outcome(lambda: client.upsert({"id": "a"}, picture)),
                    )
                table.add_row("disk read-only at the start", *found, "", "")
            except RuntimeError as error:
                table.add_row("disk read-only at the start", f"whatsit serve: {str(error).strip()[-200:]}", "", "", "")
        finally:
            subprocess.run(["umount", "--lazy", work], check=True)
    Console().print(table)


def _fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("wb", buffering=0) as out:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:  # noqa: PERF203  # twice
                continue


if __name__ == "__main__":
    typer.run(main)
