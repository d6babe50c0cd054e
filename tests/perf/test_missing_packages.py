"""A measurement without its extra ends in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perf import missing_package

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "extra"), [("locust.env", "perf"), ("torch", "train"), ("playwright", "test")])
def test_the_extra_is_named(name: str, extra: str) -> None:
    sentence = missing_package(ModuleNotFoundError(name=name))
    assert sentence is not None
    assert sentence.endswith(f"pip install 'whatsit[{extra}]'.")
    assert missing_package(ModuleNotFoundError(name="whatsit.nothing")) is None


def test_other_libraries_are_in_no_extra() -> None:
    assert (
        missing_package(ModuleNotFoundError(name="hnswlib")) == "This measurement needs hnswlib: pip install hnswlib."
    )


def test_no_traceback() -> None:
    code = "import sys, perf; sys.modules['locust'] = None; import perf.load.locustfile"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "This measurement needs locust: pip install 'whatsit[perf]'.\n")
