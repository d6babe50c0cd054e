"""Attack a server with keys and print each reply.

Usage: python -m perf.gateway.attacks CATALOGUE SCENES [--fused] [--results FILE]
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from whatsit_client import Client

from perf.gateway.attack import Attack
from perf.gateway.attacks_by_body import JSON, SSRF
from perf.gateway.attacks_by_http import HTTP
from perf.gateway.attacks_on_access import KEYS, TRITON
from perf.gateway.target import Target, sentence, status, target_on

ATTACKS: tuple[Attack, ...] = (*KEYS, *TRITON, *JSON, *HTTP, *SSRF)


def answers(target: Target, scenes: list[Path]) -> list[str]:
    """Return the answers to scenes as JSON."""
    url = f"http://{target.host}:{target.port}"
    with Client(url, key=target.keys["search"], timeout=60) as client:
        return [client.identify(path).to_json() for path in scenes]


def main(
    catalogue: Annotated[Path, typer.Argument(help="A published catalogue, such as demo/catalogue.")],
    scenes: Annotated[Path, typer.Argument(help="Folder of its scenes, such as demo/scenes.")],
    fused: Annotated[bool, typer.Option(help="Serve the fused repository.")] = False,
    results: Annotated[Path | None, typer.Option(help="Write the table here, as Markdown.")] = None,
) -> None:
    """Attack a server with keys and print each reply."""
    photos = sorted(scenes.glob("*.jpg"))
    lines = ["| attack | reply | sentence |", "| --- | --- | --- |"]
    wrong = 0
    with tempfile.TemporaryDirectory() as work, target_on(catalogue, photos[0].read_bytes(), Path(work), fused) as both:
        target, server = both
        pid, before = server.pid, answers(target, photos)
        for attack in ATTACKS:
            reply = attack.send(target)
            got, fine = status(reply), status(reply) in attack.expected and server.pid == pid
            wrong += not fine
            mark = "" if fine else " **wrong**"
            lines.append(f"| {attack.name} | {got}{mark} | {sentence(reply).replace('|', '/')[:110]} |")
            print(lines[-1], flush=True)
        same = answers(target, photos) == before
        lines += [
            "",
            f"{len(ATTACKS)} attacks, {wrong} wrong replies; Triton's process is "
            f"{'the same' if server.pid == pid else 'another'}; {len(photos)} scenes are answered "
            f"{'bit for bit as before' if same else 'DIFFERENTLY'}.",
        ]
    Console().print(lines[-1])
    if results:
        results.write_text("# Attacks on the gateway\n\n`python -m perf.gateway.attacks`\n\n" + "\n".join(lines) + "\n")
    raise typer.Exit(int(wrong > 0 or not same))


if __name__ == "__main__":
    typer.run(main)
