"""What the gateway costs beside direct Triton, in interleaved rounds of one run.

Usage: python -m perf.gateway.overhead CATALOGUE SCENES [--rounds 5] [--results FILE]
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from whatsit_client import AsyncClient, Client

from perf.gateway.target import Target, gateway_on
from perf.identify.perf_analyzer_input import Inputs
from perf.identify.perf_analyzer_tool import PerfAnalyzer, find_perf_analyzer
from perf.load.locust_process import Target as LocustTarget
from perf.load.locust_process import run_locust
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports
from whatsit.tuning.closed_loop import run_closed_loop

_CALLERS = 8
Point = tuple[float, float]  # p50 in ms at one caller, images a second at eight


@dataclass(frozen=True)
class Route:
    """One way to the networks.

    Args:
        url: with its scheme.
        key: of the caller, "" for none.
    """

    url: str
    key: str = ""


def blocking(route: Route, pictures: Sequence[bytes], seconds: float) -> Point:
    """Measure `Client` in threads."""
    with Client(route.url, key=route.key, timeout=120) as client:

        def call(turn: int) -> None:
            client.identify(pictures[turn % len(pictures)])

        return _p50(_loop([call], seconds)), _rate(_loop([call] * _CALLERS, seconds))


def on_one_loop(route: Route, pictures: Sequence[bytes], seconds: float) -> Point:
    """Measure `AsyncClient` on one event loop."""

    async def run(callers: int) -> list[tuple[float, float]]:
        done: list[tuple[float, float]] = []
        turns, end = itertools.count(), time.perf_counter() + seconds
        async with AsyncClient(route.url, key=route.key, timeout=120) as client:

            async def caller() -> None:
                while (begin := time.perf_counter()) < end:
                    await client.identify(pictures[next(turns) % len(pictures)])
                    done.append((begin, time.perf_counter()))

            await asyncio.gather(*(caller() for _ in range(callers)))
        return done

    return _p50(asyncio.run(run(1))), _rate(asyncio.run(run(_CALLERS)))


def paired(direct: Route, gateway: Route, pictures: Sequence[bytes], count: int) -> tuple[float, float, float]:
    """Measure `Client`, alternating direct and gateway call by call, so that drift of the machine cancels out.

    Returns:
        p50 in ms direct and through the gateway, and the median of the differences between neighbours.
    """
    times: tuple[list[float], list[float]] = ([], [])
    with Client(direct.url, timeout=120) as one, Client(gateway.url, key=gateway.key, timeout=120) as other:
        for turn in range(count):
            order = (0, 1) if turn % 2 == 0 else (1, 0)
            for side in order:
                begin = time.perf_counter()
                (one, other)[side].identify(pictures[turn % len(pictures)])
                times[side].append(1000 * (time.perf_counter() - begin))
    more = [second - first for first, second in zip(*times, strict=True)]
    return statistics.median(times[0]), statistics.median(times[1]), statistics.median(more)


def perf_analyzer(route: Route, tool: PerfAnalyzer, data: Path, count: int) -> Point:
    """Measure with NVIDIA's perf_analyzer, unchanged but for one header."""
    protocol, address = route.url.split("://")
    points = []
    for callers in (1, _CALLERS):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.csv")
            command = [str(tool.binary), "-m", "identify", "-i", protocol, "-u", address, "--input-data", str(data)]
            command += ["--concurrency-range", str(callers), "--request-count", str(count), "-f", str(report)]
            if route.key:
                command += ["-H", f"authorization:Bearer {route.key}"]
            subprocess.run(command, env=tool.environment, capture_output=True, timeout=300, check=True)
            row = next(csv.DictReader(report.open()))
        points.append(float(row["p50 latency"]) / 1000 if callers == 1 else float(row["Inferences/Second"]))
    return points[0], points[1]


def locust(route: Route, grpc: Route, photos: Path, seconds: float) -> Point:
    """Measure with the Locust file of perf/load: mixed calls, HTTP and gRPC, with changes."""
    os.environ["WHATSIT_KEY"] = route.key
    try:
        target = LocustTarget(route.url.split("://")[1], grpc.url.split("://")[1], photos)
        ones = [run_locust(target, "closed", callers, seconds).outcomes for callers in (1, _CALLERS)]
    finally:
        del os.environ["WHATSIT_KEY"]
    answered = [[one for one in outcomes if one.outcome == "ok"] for outcomes in ones]
    return statistics.median(one.ms for one in answered[0]), len(answered[1]) / seconds


def main(
    catalogue: Annotated[Path, typer.Argument(help="A published catalogue, such as demo/catalogue.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of its scenes, such as demo/scenes.")],
    rounds: Annotated[int, typer.Option(min=1, help="Times that every way is measured.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of one measurement.")] = 8.0,
    pairs: Annotated[int, typer.Option(min=1, help="Calls of one caller, direct and through the gateway.")] = 300,
    fused: Annotated[bool, typer.Option(help="Serve the fused repository.")] = False,
    results: Annotated[Path | None, typer.Option(help="Write the table here, as Markdown.")] = None,
) -> None:
    """Measure direct Triton and the gateway in turn, and print ratios."""
    photos = sorted(scenes.glob("*.jpg"))
    pictures = [photo.read_bytes() for photo in photos]
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(catalogue, ports=Ports(0, 0, 0), fused=fused) as server,
        gateway_on(server, catalogue, pictures[0], Path(folder)) as (target, _),
    ):
        tool, data = find_perf_analyzer(), Inputs(server.grpc_url, photos, Path(folder)).of("identify")
        direct = Route(f"http://{server.http_url}"), Route(f"grpc://{server.grpc_url}")
        gateway = _routes(target)
        ways: dict[str, Callable[[tuple[Route, Route]], Point]] = {
            "tritonclient HTTP, threads": lambda routes: blocking(routes[0], pictures, seconds),
            "tritonclient gRPC, threads": lambda routes: blocking(routes[1], pictures, seconds),
            "tritonclient HTTP, asyncio": lambda routes: on_one_loop(routes[0], pictures, seconds),
            "tritonclient gRPC, asyncio": lambda routes: on_one_loop(routes[1], pictures, seconds),
            "perf_analyzer -i http": lambda routes: perf_analyzer(routes[0], tool, data, int(10 * seconds)),
            "perf_analyzer -i grpc": lambda routes: perf_analyzer(routes[1], tool, data, int(10 * seconds)),
            "Locust, mixed calls": lambda routes: locust(*routes, scenes, 2 * seconds),
        }
        alone = {name: paired(direct[n], gateway[n], pictures, pairs) for n, name in enumerate(("HTTP", "gRPC"))}
        print(alone, flush=True)
        points: dict[str, list[tuple[Point, Point]]] = {name: [] for name in ways}
        for turn in range(rounds):
            for name, measure in ways.items():
                order = (direct, gateway) if turn % 2 == 0 else (gateway, direct)
                first, second = measure(order[0]), measure(order[1])
                points[name].append((first, second) if turn % 2 == 0 else (second, first))
                print(turn + 1, name, points[name][-1], flush=True)
    table = _table(points) + "\n\n" + _paired_table(alone, pairs)
    Console().print(table, highlight=False)
    if results:
        head = (
            f"# The gateway beside direct Triton\n\n`python -m perf.gateway.overhead`, {rounds} interleaved rounds\n\n"
        )
        results.write_text(head + table + "\n")


def _routes(target: Target) -> tuple[Route, Route]:
    key = target.keys["admin"]
    return Route(f"http://{target.host}:{target.port}", key), Route(f"grpc://{target.grpc_url}", key)


def _table(points: dict[str, list[tuple[Point, Point]]]) -> str:
    lines = [
        "| caller | p50 at 1, direct | gateway | more | images/s at 8, direct | gateway | ratio (each round) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, pairs in points.items():
        p50s = [statistics.median(point[side][0] for point in pairs) for side in (0, 1)]
        rates = [statistics.median(point[side][1] for point in pairs) for side in (0, 1)]
        more = statistics.median(gateway[0] - direct[0] for direct, gateway in pairs)
        ratios = [gateway[1] / direct[1] for direct, gateway in pairs]
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"| {name} | {p50s[0]:.1f} ms | {p50s[1]:.1f} ms | {more:+.1f} ms | {rates[0]:.1f} | {rates[1]:.1f} | "
            f"{statistics.median(ratios):.3f} ({each}) |"
        )
    return "\n".join(lines)


def _paired_table(alone: dict[str, tuple[float, float, float]], count: int) -> str:
    lines = [
        f"One caller, {count} pairs of neighbouring calls:",
        "",
        "| caller | p50, direct | gateway | median of the differences |",
        "| --- | --- | --- | --- |",
    ]
    for name, (first, second, more) in alone.items():
        lines.append(f"| tritonclient {name} | {first:.1f} ms | {second:.1f} ms | {more:+.2f} ms |")
    return "\n".join(lines)


def _loop(callers: Sequence[Callable[[int], object]], seconds: float) -> list[tuple[float, float]]:
    end = time.perf_counter() + seconds
    answered, failures = run_closed_loop(callers, lambda turn: time.perf_counter() < end, 120)
    if failures:
        raise typer.BadParameter(failures[0])
    return answered


def _p50(answered: Sequence[tuple[float, float]]) -> float:
    return 1000 * statistics.median(end - begin for begin, end in answered)


def _rate(answered: Sequence[tuple[float, float]]) -> float:
    begin, end = min(first for first, _ in answered), max(last for _, last in answered)
    return len(answered) / (end - begin)


if __name__ == "__main__":
    typer.run(main)
