"""Checks that need a GPU, step by step: one CSV row for each figure.

python perf/gpu_check.py                            # all steps; run again, it goes on where it stopped
python perf/gpu_check.py --steps limits,speed       # some of them
python perf/gpu_check.py --dry-run                  # tiny sizes, on the CPU where there is no GPU: is the script sound

On a machine with all extras (`pip install 'whatsit[gpu,tensorrt,train,perf]'`) nothing else is needed.

On the project's lent machine (one H100 or H200; no internet, Python 3.12, torch 2.11; ten minutes and 64 MiB a call)
the steps go in two calls of the tool `run`. .site holds what that machine lacks, 26 MB of it, beside the checkout:

printf '/.site/\\n/.whl/\\n' >>.git/info/exclude
pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 \\
    --platform manylinux_2_17_x86_64 -d .whl nvidia-nvimgcodec-cu12 nvidia-nvjpeg-cu12 pytorch-metric-learning
unzip -qo '.whl/nvidia_nvimgcodec*' 'nvidia/nvimgcodec/*.py' '*cpython-312-*' '*libnvimgcodec.so*' '*libnvjpeg_ext*' \\
    -d .site
for wheel in .whl/nvidia_nvjpeg* .whl/pytorch*; do unzip -qo $wheel -d .site; done

run(carry=[".site"], timeout_s=600, command=
    "PYTHONUNBUFFERED=1 PYTHONPATH=client:.:.site python3 perf/gpu_check.py --minutes 9 --scratch /tmp/gpu_check
     --out $OUT/gpu_check.csv --steps environment,limits,memory,builds,parity,speed")
run(the same, but --steps retinanet,search,decode,serving,training)

TensorRT is larger than what travels, so torch stands in for engines there and the rows say so. TensorRT-RTX could
come in halves (`split -b 45m` of tensorrt-rtx-cu12-libs 1.7, a half in each of two calls that copy it to /tmp, the
machine staying warm between them), but names no Hopper card among those that it supports. Where several CSVs came
back, their rows go together into perf/results/gpu/gpu_check.csv.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Annotated

import typer
from whatsit_client.errors import Unavailable

from perf.common.command import chosen, run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.common.tables import read_rows
from perf.gpu.check import Check
from whatsit.engines.gpu import find_gpus

# Minutes that a step may take; what it had measured by then stays.
STEPS = {
    "environment": 1.0, "limits": 1.0, "memory": 1.0, "builds": 8.0, "parity": 2.0, "speed": 3.0, "retinanet": 3.0,
    "search": 2.0, "decode": 1.0, "serving": 6.0, "training": 3.0,
}  # fmt: skip


def main(
    steps: Annotated[str, typer.Option(help="A comma list of steps.")] = ",".join(STEPS),
    out: Annotated[Path, typer.Option(help="CSV file; figures are added to it.")] = RESULTS / "gpu" / "gpu_check.csv",
    scratch: Annotated[
        Path | None, typer.Option(help="Folder for engines; kept, so that a later run need not build.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="For all steps together.")] = 30.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tiny sizes, on the CPU where there is no GPU.")] = False,
    apart: Annotated[bool, typer.Option("--apart", hidden=True, help="Processes in a dry run too.")] = False,
    inside: Annotated[
        bool, typer.Option("--inside", hidden=True, help="Run in this process, without a limit.")
    ] = False,
) -> None:
    """Run the steps, each in a limited process of its own; 1 where one failed."""
    names = chosen(steps, STEPS, "step")
    card = _card(dry_run)
    folder = scratch or Path(tempfile.gettempdir()) / "whatsit-gpu-check"
    folder.mkdir(parents=True, exist_ok=True)
    setting = Setting.of_this_machine("gpu_check")
    fields = (setting.date, setting.commit, card, _driver())
    begin, failed = time.monotonic(), []
    for name in names:
        if not inside:
            print(f"{name}:", flush=True)
        left = minutes - (time.monotonic() - begin) / 60
        check = Check(name, fields, out, folder, dry_run)
        if left <= 0:
            check.skip("all", f"No time was left of {minutes:g} minutes.")
        elif inside or (dry_run and not apart):
            failed += [] if _run(check) else [name]
        else:
            failed += [] if _run_apart(check, min(left, STEPS[name])) else [name]
    if not inside:
        print(f"Figures: {out}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    if failed:
        raise typer.Exit(1)


def _run(check: Check) -> bool:
    try:
        importlib.import_module(f"perf.gpu.{check.step}").run(check)
    except Exception as error:  # one broken step must not take the others with it on a machine that is lent for minutes
        traceback.print_exc()
        check.skip("all", f"It failed: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")
        return False
    return True


def _run_apart(check: Check, minutes: float) -> bool:
    """Run a step in a process of its own, so that a crash costs this step alone."""
    command = [sys.executable, str(ROOT / "perf" / "gpu_check.py"), "--inside", "--steps", check.step]
    command += ["--out", str(check.file), "--scratch", str(check.scratch), *(["--dry-run"] if check.dry else [])]
    before = len(read_rows(check.file))
    try:
        done = subprocess.run(command, timeout=minutes * 60, check=False)
    except subprocess.TimeoutExpired:
        check.skip("all", f"It was not done after {minutes:.1f} minutes; what it had measured is kept.")
        return False
    if done.returncode < 0:
        check.skip("all", f"It was ended by signal {-done.returncode}; what it had measured is kept.")
    elif len(read_rows(check.file)) == before and done.returncode:
        check.skip("all", f"It ended with exit code {done.returncode} before it measured anything.")
    return done.returncode == 0


def _card(dry: bool) -> str:
    try:
        return find_gpus()[0].name
    except Unavailable as error:
        if dry:
            return "CPU, dry run"
        raise Unavailable(f"{str(error).removesuffix('.')}; try --dry-run here.") from error


def _driver() -> str:
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return "-"
    return said.stdout.split("\n")[0].strip()


def run() -> None:
    """Run the command line."""
    run_command(main)


if __name__ == "__main__":
    run()
