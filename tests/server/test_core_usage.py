"""A hint is printed where the configurations cannot use all cores of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsit.engines.repository import default_root
from whatsit.server.core_usage import core_usage_warning


@pytest.mark.parametrize(
    ("fused", "remedy"), [(False, "whatsit tune"), (True, str(Path("fused", "describe", "config.pbtxt")))]
)
def test_a_hint_names_the_remedy(fused: bool, remedy: str) -> None:
    assert core_usage_warning(default_root(), fused, cores=4) is None
    hint = core_usage_warning(default_root(), fused, cores=16)
    assert hint is not None
    assert "16 cores" in hint
    assert "can use 4" in hint
    assert remedy in hint


def test_threads_count_as_instances_do(tmp_path: Path) -> None:
    model = tmp_path / "model_repository" / "detector"
    model.mkdir(parents=True)
    threads = 'parameters { key: "intra_op_thread_count" value: { string_value: "8" } }'
    (model / "config.pbtxt").write_text(f"instance_group [ {{ count: 2 }} ]\n{threads}\n")
    assert core_usage_warning(tmp_path, cores=16) is None
    assert core_usage_warning(tmp_path, cores=17) is not None
