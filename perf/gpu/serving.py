"""Step `serving`: the ensemble in a real Triton under perf_analyzer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from whatsit_client.errors import WhatsitError

from perf.common.setting import ROOT
from perf.common.tables import read_rows
from perf.gpu.check import Check
from whatsit.engines.runtime_target import config_name


def run(check: Check) -> None:
    """Run perf_analyzer on both targets; it starts Triton and stops it."""
    if importlib.util.find_spec("pytriton") is None:
        check.skip("identify", "The wheel nvidia-pytriton, which carries Triton, is not installed.")
        return
    for target in ("tensorrt", "onnxruntime"):
        case = f"identify on {target}"
        try:
            config_name(target, ROOT / "model_repository")
        except WhatsitError as error:
            check.skip(case, str(error))
            continue
        if check.dry:
            check.skip(case, "A dry run starts no server: perf.identify.perf_analyzer has its own tests.")
            continue
        out = check.scratch / f"perf_analyzer-{target}.csv"
        command = [sys.executable, "-m", "perf.identify.perf_analyzer", "--target", target, "--out", str(out.resolve())]
        command += ["--concurrency", "1,8,32", "--requests", "300", "--limit", "60"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            check.skip(case, f"perf_analyzer measured nothing: {said[-1][:300]}")
            continue
        for row in read_rows(out):
            if row["model"] == "identify":
                at = f"{case}, {row['load']}"
                check.record(at, "images", float(row["items_per_s"]), "1/s", note=f"p50 {row['p50_ms']} ms")
