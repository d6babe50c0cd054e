"""Who serves on more cores than the configurations were written for is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsit.engines.repository import default_root
from whatsit.server.core_usage import core_usage_warning


@pytest.mark.parametrize(("fused", "remedy"), [(False, "whatsit tune"), (True, "describe/config.pbtxt")])
def test_cores_beyond_the_instances_are_told(fused: bool, remedy: str) -> None:
    assert core_usage_warning(default_root(), fused, cores=4) is None
    told = core_usage_warning(default_root(), fused, cores=16)
    assert told is not None
    assert "16 cores" in told
    assert "can use 4" in told
    assert remedy in told


def test_threads_count_as_instances_do(tmp_path: Path) -> None:
    model = tmp_path / "model_repository" / "detector"
    model.mkdir(parents=True)
    threads = 'parameters { key: "intra_op_thread_count" value: { string_value: "8" } }'
    (model / "config.pbtxt").write_text(f"instance_group [ {{ count: 2 }} ]\n{threads}\n")
    assert core_usage_warning(tmp_path, cores=16) is None
    assert core_usage_warning(tmp_path, cores=17) is not None
