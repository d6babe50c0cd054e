"""What Triton's log says about a start that failed."""

from __future__ import annotations


def last_error(log: str) -> str:
    """Return the most informative line of Triton's log, as one sentence."""
    lines = log.splitlines()
    failures = [line for line in lines if "failed to load" in line]
    lines = failures or [line for line in lines if line.startswith("error")] or lines[-1:] or ["it wrote nothing"]
    return lines[0].split("] ", 1)[-1].strip().strip('"').split("\\n")[0][:400]
