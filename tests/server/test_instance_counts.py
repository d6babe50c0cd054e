"""Instances come from the cores, in the files of one server alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from whatsit.engines.repository import default_root, lay_out_repositories
from whatsit.server.instance_counts import CONFIGURED_CORES, fit_instances, lay_out_served
from whatsit.serving.pbtxt import base_file, read_config

NAMES = ("model_repository", "fused")


def linked(folder: Path) -> list[Path]:
    lay_out_repositories(default_root(), folder, os.symlink)
    return [folder / name for name in NAMES]


def counts(repositories: list[Path], config_name: str | None = None) -> dict[str, int]:
    models = [file.parent for repository in repositories for file in repository.glob("*/config.pbtxt")]
    configs = {model.name: read_config(base_file(model, config_name)) for model in models}
    return {name: config.instance_group[0].count for name, config in configs.items() if config.instance_group}


@pytest.mark.parametrize(("cores", "describe", "retrieval"), [(1, 3, 2), (2, 3, 2), (4, 4, 2), (6, 6, 3), (16, 16, 8)])
def test_instances_follow_the_cores(tmp_path: Path, cores: int, describe: int, retrieval: int) -> None:
    before = counts([default_root() / name for name in NAMES])
    repositories = linked(tmp_path)
    changed = fit_instances(repositories, None, cores)
    found = counts(repositories)
    assert (found["describe"], found["detector"], found["retrieval"]) == (describe, describe, retrieval)
    assert {name: count for name, count in found.items() if count != before[name]} == changed
    assert counts([default_root() / name for name in NAMES]) == before


def test_what_was_tuned_or_is_for_a_gpu_stays(tmp_path: Path) -> None:
    repositories = linked(tmp_path)
    assert fit_instances(repositories, "tensorrt", 64) == {}
    assert fit_instances(repositories, "tuned", 64) == {}
    assert fit_instances(repositories, "openvino", CONFIGURED_CORES) == {}
    assert fit_instances(repositories, "openvino", 8)["detector"] == 8
    assert counts(repositories, "openvino")["detector"] == 8


def test_a_repository_of_ones_own_stays(tmp_path: Path) -> None:
    own, folder = tmp_path / "own", tmp_path / "server"
    lay_out_repositories(default_root(), own)
    text = (own / "fused" / "describe" / "config.pbtxt").read_text()
    (own / "fused" / "describe" / "config.pbtxt").write_text(text.replace("count: 4", "count: 3"))
    folder.mkdir()
    repositories = lay_out_served(own.resolve(), folder, ["fused"], None)
    assert repositories == [folder / "fused"]
    assert counts(repositories)["describe"] == 3
