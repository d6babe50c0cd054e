"""What decoding in a process of its own costs, beside decoding in this one, by turns.

python -m perf.pictures.isolation_cost  # a minute; CPU time of both processes, which a busy machine disturbs little
"""

from __future__ import annotations

import io
import statistics
import time
from typing import Annotated

import psutil
import typer
from PIL import Image

from perf.common.command import run_command
from perf.pictures.samples import picture
from whatsit.vision.decode import decode_image
from whatsit.vision.decode_process import decode_isolated

SIDE = 1024  # as ingestion decodes


def photo(width: int, height: int) -> bytes:
    """Return a JPEG file of that size."""
    buffer = io.BytesIO()
    grain = Image.effect_noise((width, height), 40).convert("RGB")
    Image.blend(picture(width, height, "RGB"), grain, 0.3).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def cpu(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and its children."""
    all_times = [process.cpu_times(), *(child.cpu_times() for child in process.children())]
    return float(sum(times.user + times.system for times in all_times))


def main(rounds: Annotated[int, typer.Option(help="By turns.")] = 9) -> None:
    """Decode pictures of three sizes in both ways."""
    process = psutil.Process()
    for width, height, count in ((348, 348, 200), (1200, 900, 60), (4000, 3000, 12)):
        data = photo(width, height)
        found: dict[str, list[tuple[float, float]]] = {"here": [], "isolated": []}
        decode_isolated(data, SIDE)
        for turn in range(rounds):
            for name in ("here", "isolated")[:: 1 if turn % 2 else -1]:
                spent, begun = cpu(process), time.perf_counter()
                for _ in range(count):
                    decode_image(data, SIDE) if name == "here" else decode_isolated(data, SIDE)
                found[name].append((cpu(process) - spent, time.perf_counter() - begun))
        texts = []
        for name, times in found.items():
            spent, seconds = (1000 * statistics.median(one[n] for one in times) / count for n in (0, 1))
            texts.append(f"{name} {spent:.2f} ms of CPU, {seconds:.2f} ms")
        print(f"{width} x {height}, {len(data) >> 10} kB: {'; '.join(texts)}", flush=True)


if __name__ == "__main__":
    run_command(main)
