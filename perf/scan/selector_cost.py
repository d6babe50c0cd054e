"""Milliseconds of the selector on one frame, in Python, JavaScript (Node) and C++ (g++ -O2), one thread each.

python -m perf.scan.selector_cost  # writes perf/results/scan_selector.csv; on a quiet machine

A rendered film, 320 x 240 in grey: 80 points on three levels, sharpness, choice. The languages take turns, three times.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import typer
from whatsit_client.errors import Unavailable
from whatsit_client.scan import ScanDecision
from whatsit_client.scan.frame_pixels import reduce_gray

from perf.common.command import Table, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.common.tables import markdown
from perf.scan.selection import PRODUCTS, as_measured
from whatsit.rendering.film_kinds import make_film

COLUMNS = ("language", "median_ms", "minimum_ms", "p95_ms", "frames")
SCRIPT = """
import { readFileSync } from "node:fs";
const { ScanDecision } = await import(%s);
const bytes = new Uint8Array(readFileSync(%s));
const decision = new ScanDecision();
const spent = [];
for (let index = 0; (index + 1) * 76800 <= bytes.length; index++) {
  const begin = performance.now();
  decision.step(bytes.subarray(index * 76800, (index + 1) * 76800), 320, 240, 50 * index, { width: 640, height: 480 });
  spent.push(performance.now() - begin);
}
console.log(spent.join("\\n"));
"""


def run_python(frames: list[np.ndarray]) -> list[float]:  # type: ignore[type-arg]  # grey frames
    """Return the milliseconds of each frame."""
    decision, spent = ScanDecision(), []
    for index, gray in enumerate(frames):
        begin = time.perf_counter()
        decision.step(gray, 50 * index, (640, 480), None)
        spent.append(1000 * (time.perf_counter() - begin))
    return spent


def run_program(*command: str) -> list[float]:
    """Return the milliseconds of each frame, as a program prints them."""
    return [float(line) for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


def main(out: Table = RESULTS / "scan_selector.csv") -> None:
    """Measure, print and write the CSV."""
    node, compiler = shutil.which("node"), shutil.which("g++")
    if not node or not compiler:
        raise Unavailable("This measurement needs Node and g++: install both.")
    setting = Setting.of_this_machine("perf.scan.selector_cost")
    frames = [reduce_gray(frame) for frame in as_measured(make_film("several", 1, PRODUCTS)).frames()]
    times: dict[str, list[float]] = {"Python": [], "JavaScript": [], "C++": []}
    with tempfile.TemporaryDirectory() as folder:
        raw, program = Path(folder) / "frames", Path(folder) / "cost"
        raw.write_bytes(b"".join(frame.tobytes() for frame in frames))
        headers = f"-I{ROOT / 'client' / 'mobile'}"
        source = str(Path(__file__).with_suffix(".cpp"))
        subprocess.run([compiler, "-std=c++17", "-O2", headers, source, "-o", str(program)], check=True)
        script = SCRIPT % (json.dumps((ROOT / "client/web/scan/index.js").as_uri()), json.dumps(str(raw)))
        for _ in range(3):
            times["Python"] += run_python(frames)
            times["JavaScript"] += run_program(node, "--input-type=module", "--eval", script)
            times["C++"] += run_program(str(program), str(raw), "320", "240")
    rows = [
        [name, *(round(v, 2) for v in (statistics.median(ms), min(ms), statistics.quantiles(ms, n=20)[-1])), len(ms)]
        for name, ms in times.items()
    ]
    typer.echo("\n".join(markdown(COLUMNS, rows)))
    setting.write(out, COLUMNS, rows)


if __name__ == "__main__":
    run_command(main)
