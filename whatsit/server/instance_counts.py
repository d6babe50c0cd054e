"""Repositories of one server, with instances for the cores of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from whatsit.engines.available_cores import available_cores
from whatsit.engines.repository import default_root, lay_out_repositories
from whatsit.serving.pbtxt import base_file, read_config, write_config

CONFIGURED_CORES = 4  # the committed configurations are made for them
FEWEST = 3  # instances, of a model that has as many: two compute while one receives a request or sends an answer
ENGINES = (None, "openvino")  # configurations that compute on the CPU and that nobody tuned
_REMARK = "As committed, but for the number of instances, which comes from the cores of this machine."


def lay_out_served(root: Path, folder: Path, names: Iterable[str], config_name: str | None) -> list[Path]:
    """Link the repositories of a root into the folder of a server.

    Whatsit's own ones get `fit_instances`.

    Args:
        root: folder with the repositories, never written to.
        folder: of one server.
        names: of the repositories that it serves.
        config_name: Triton's `--model-config-name`; None for the default.

    Returns:
        the folders of the repositories that it serves.
    """
    lay_out_repositories(root, folder, os.symlink)
    repositories = [folder / name for name in names]
    if root == default_root().resolve():
        fit_instances(repositories, config_name)
    return repositories


def fit_instances(repositories: Iterable[Path], config_name: str | None, cores: int | None = None) -> dict[str, int]:
    """Write as many instances into configurations as the cores keep busy.

    A configuration of a GPU, or one that `whatsit tune` wrote, stays as it is.

    Args:
        repositories: folders of models, copies or links that belong to one server.
        config_name: Triton's `--model-config-name`; None for the default.
        cores: None for those that this process may use.

    Returns:
        model -> its instances, for models whose number changed.

    Raises:
        Damaged: a configuration cannot be read.
    """
    if config_name not in ENGINES:
        return {}
    changed: dict[str, int] = {}
    cores = cores or available_cores()
    for repository in repositories:
        for model in sorted(path.parent for path in repository.glob("*/config.pbtxt")):
            file = base_file(model, config_name)
            config = read_config(file)
            for group in config.instance_group:
                count = max(min(group.count, FEWEST), -(-group.count * cores // CONFIGURED_CORES))
                if group.kind == group.KIND_CPU and count != group.count:
                    group.count = changed[model.name] = count
            if model.name in changed:
                file.unlink()  # a link to a file that stays
                write_config(config, file, _REMARK)
    return changed
