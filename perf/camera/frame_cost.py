"""Milliseconds that the page's camera spends on one frame, in Chromium without a GPU.

python -m perf.camera.frame_cost  # writes perf/results/camera.csv; on a quiet machine

The camera is a film of moving blocks, with a corner in each cell of the flow's grid. "grab" copies and reduces a frame;
"grab and keep", while the picture settles, also copies it in full; "selector" is flow, sharpness and choice together;
the JPEG is encoded once for each frame that is sent.
"""

from __future__ import annotations

import functools
import os
import shutil
import statistics
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from whatsit_client.errors import Unavailable

from perf.common.command import Table, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.common.tables import markdown

COLUMNS = ("part", "picture", "median_ms", "minimum_ms", "p95_ms", "frames")
FLAGS = ("--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


class QuietFiles(SimpleHTTPRequestHandler):
    """Serve files without a line for each."""

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


def write_film(path: Path, width: int, height: int) -> Path:
    """Write one second of grey blocks that move to the left, as YUV4MPEG2."""
    blocks = np.random.default_rng(0).integers(16, 235, (height // 40, width // 20)).astype(np.uint8)
    scene = np.repeat(np.repeat(blocks, 40, axis=0), 40, axis=1)
    colour = np.full(width * height // 2, 128, np.uint8).tobytes()
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode())
        for left in range(0, 120, 4):
            file.write(b"FRAME\n" + scene[:height, left : left + width].tobytes() + colour)
    return path


def measure(url: str, frames: int, width: int, height: int) -> dict[str, Any]:
    """Run `frame_cost.js` in Chromium; return the times of each part and the size of the picture."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which(os.environ.get("CHROMIUM", "")) or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        raise Unavailable("No Chromium is here: install the package chromium, or set CHROMIUM to the program of one.")
    body = Path(__file__).with_suffix(".js").read_text(encoding="utf-8").split("\n", 1)[1]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        film = write_film(Path(folder) / "blocks.y4m", width, height)
        flags = [*FLAGS, f"--use-file-for-fake-video-capture={film}"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        page.goto(f"{url}/camera/camera-text.js")  # any page of this origin
        found: dict[str, Any] = page.evaluate(body, {"frames": frames, "width": width, "height": height})
        browser.close()
    return found


def main(
    frames: Annotated[int, typer.Option(min=40, help="Frames to analyse.")] = 400,
    size: Annotated[str, typer.Option(help="Width and height of the picture, multiples of 40.")] = "1280x960",
    out: Table = RESULTS / "camera.csv",
) -> None:
    """Measure, print and write the CSV."""
    setting = Setting.of_this_machine("perf.camera.frame_cost")
    width, height = (int(side) for side in size.split("x"))
    files = functools.partial(QuietFiles, directory=str(ROOT / "client" / "web"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = measure(f"http://127.0.0.1:{server.server_address[1]}", frames, width, height)
    server.shutdown()
    picture = "x".join(map(str, found["size"]))
    rows = []
    for part, times in found["times"].items():
        figures = statistics.median(times), min(times), statistics.quantiles(times, n=20)[-1]
        rows.append([part, picture, *(round(figure, 2) for figure in figures), len(times)])
    typer.echo("\n".join(markdown(COLUMNS, rows)))
    typer.echo(f"{found['points']:.0f} points in the last frame")
    setting.write(out, COLUMNS, rows)


if __name__ == "__main__":
    run_command(main)
