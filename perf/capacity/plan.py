"""Write perf/capacity.md from the measured stages and searches, by simulation.

python -m perf.capacity.plan  # after `make bench-stages` and perf.index.retrieval_share; 1 minute
python -m perf.capacity.plan --machine-cores 16 --machine-gib 64 --machine-hour 0.80
python -m perf.capacity.plan --check  # exit code 1 where the page does not say what the figures say
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from whatsit_client.errors import WhatsitError

from perf.capacity.inputs import read_inputs
from perf.capacity.model import Plan
from perf.capacity.page import page
from perf.common.command import run_command
from perf.common.setting import RESULTS, ROOT


def main(
    results: Annotated[Path, typer.Option(help="Folder of the CSV files.")] = RESULTS,
    name: Annotated[str, typer.Option(help="Name of the benchmark's files there.")] = "identify",
    machine_cores: Annotated[int, typer.Option(min=1, help="Cores of a machine that is bought.")] = 8,
    machine_gib: Annotated[float, typer.Option(help="Its memory.")] = 16.0,
    machine_hour: Annotated[float, typer.Option(help="Its price an hour, dollars.")] = 0.34,
    utilisation: Annotated[float, typer.Option(min=0.1, max=1.0, help="Share of saturation planned with.")] = 0.7,
    server_gib: Annotated[float, typer.Option(help="Memory of a server without its index.")] = 1.0,
    out: Annotated[Path, typer.Option(help="The page.")] = ROOT / "perf" / "capacity.md",
    check: Annotated[bool, typer.Option("--check", help="Write nothing; say whether the page is up to date.")] = False,
) -> None:
    """Write the page, or check it against the figures."""
    inputs = read_inputs(results, ROOT / "model_repository", name)
    text = page(inputs, Plan(machine_cores, machine_gib, machine_hour, utilisation, server_gib))
    if not check:
        out.write_text(text, encoding="utf-8")
        print(text)
    elif not out.is_file() or out.read_text(encoding="utf-8") != text:
        raise WhatsitError(f"{out} does not say what the figures in {results} say: run `python -m perf.capacity.plan`.")


if __name__ == "__main__":
    run_command(main)
