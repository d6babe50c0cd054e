"""Model sets of a server: one for each embedder.

Triton serves `identify` with the embedder of the default catalogue, and `identify-FINGERPRINT` with each other one: an
ensemble of its own, whose retrieval opens the index of these vectors. So a call runs in one set from its beginning to
its end, and no call sees the vectors of one network and the index of another.
"""

from __future__ import annotations

import json
import os
import py_compile
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whatsit_client.errors import Unavailable, WhatsitError

from whatsit.catalogue.serving_pair import index_root, kept_network, read_pair
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.runtime_target import TENSORRT
from whatsit.index.generation import open_generation
from whatsit.serving.pbtxt import base_file, read_config, write_config

# What exists once for each embedder, in the order of loading.
_SET = ("embedder", "describe", "retrieval", "identify", "embed")
_SHARED = ("detector", "classifier")


@dataclass(frozen=True)
class Sets:
    """The model sets that a server should have.

    Args:
        base: fingerprint of the embedder that the models without a suffix use: that of the default catalogue.
        networks: fingerprint -> file of each embedder.
        refused: sentences on sets that cannot be served.
    """

    base: str
    networks: dict[str, Path] = field(default_factory=dict)
    refused: tuple[str, ...] = ()

    def without(self, base: str) -> dict[str, Path]:
        """Return the networks but for one."""
        return {name: file for name, file in self.networks.items() if name != base}


def wanted_sets(folders: Iterable[Path], own: Path, config_name: str | None = None) -> Sets:
    """Return the model sets of some catalogues.

    Args:
        folders: of the catalogues, the default one first.
        own: the embedder of the model repository.
        config_name: of Triton's configurations.

    Raises:
        WhatsitError: the embedder of the default catalogue cannot be served.
    """
    own_print = embedder_fingerprint(own)
    networks: dict[str, Path] = {}
    refused = []
    base = ""
    for folder in folders:
        pair = read_pair(folder)
        for fingerprint in (own_print,) if pair is None else pair.loaded:
            file = own if fingerprint == own_print else kept_network(folder, fingerprint)
            first = not base
            base = base or fingerprint
            if fingerprint in networks or file == own:
                networks.setdefault(fingerprint, file)
                continue
            try:
                _check(folder, fingerprint, file, config_name)
            except WhatsitError as error:
                if first:
                    raise
                refused.append(f"The embedder {fingerprint} of {folder} is not served: {error}")
                continue
            networks[fingerprint] = file
    return Sets(base, networks, tuple(refused))


def _check(folder: Path, fingerprint: str, file: Path, config_name: str | None) -> None:
    if not file.is_file() or embedder_fingerprint(file) != fingerprint:
        raise Unavailable(f"{file} is not the file that the roll-out copied: abort the roll-out.")
    if config_name == TENSORRT and not file.with_name("model.plan").is_file():
        plan = file.with_name("model.plan")
        raise Unavailable(f"There is no TensorRT plan {plan}: build the network's plan on this GPU and put it there.")
    open_generation(index_root(folder, fingerprint), fingerprint, verify=False)


def place_base(work: Path, network: Path) -> None:
    """Put a network into the place of the embedder in laid-out repositories."""
    version = work / "model_repository" / "embedder" / "1"
    for name in ("model.onnx", "model.plan"):
        if network.with_name(name).is_file():
            (version / name).unlink(missing_ok=True)
            os.symlink(network.with_name(name), version / name)


def place_set(
    work: Path, repositories: Sequence[str], fingerprint: str, network: Path, config_name: str | None
) -> list[str]:
    """Lay out the models of an embedder; return their names in order of loading.

    Args:
        work: folder with laid-out repositories.
        repositories: that Triton serves.
        fingerprint: of the embedder, which ends the models' names.
        network: its file.
        config_name: of Triton's configurations.
    """
    own = work / f"networks-{fingerprint}"
    version = own / "embedder" / "1"
    version.mkdir(parents=True, exist_ok=True)
    for name in _SHARED:
        if not (own / name).exists():
            os.symlink(work / "model_repository" / name, own / name)
    for name in ("model.onnx", "model.plan"):
        if network.with_name(name).is_file() and not (version / name).exists():
            os.symlink(network.with_name(name), version / name)
    names = []
    for model in _SET:
        for repository in repositories:
            source = work / repository / model
            if source.is_dir():
                names.append(_place_model(source, own, fingerprint, config_name))
    return names


def remove_set(work: Path, repositories: Sequence[str], fingerprint: str) -> None:
    """Remove the models of an embedder that were laid out."""
    for repository in repositories:
        for model in _SET:
            shutil.rmtree(work / repository / f"{model}-{fingerprint}", ignore_errors=True)
    shutil.rmtree(work / f"networks-{fingerprint}", ignore_errors=True)


def _place_model(source: Path, networks: Path, fingerprint: str, config_name: str | None) -> str:
    name = f"{source.name}-{fingerprint}"
    target = source.with_name(name)
    config = read_config(base_file(source, config_name))
    config.name = name
    for step in config.ensemble_scheduling.step:
        if step.model_name in _SET:
            step.model_name = f"{step.model_name}-{fingerprint}"
    for parameter, place in (("embedder", networks / "embedder" / "1" / "model.onnx"), ("networks", networks)):
        if parameter in config.parameters:
            config.parameters[parameter].string_value = os.path.relpath(place, target)
    (target / "1").mkdir(parents=True, exist_ok=True)
    files = networks / "embedder" / "1" if source.name == "embedder" else source / "1"
    for file in files.iterdir():
        if not (target / "1" / file.name).exists() and not file.name.startswith((".", "__")):
            os.symlink(file.resolve(), target / "1" / file.name)
    write_config(config, target / "config.pbtxt", f"{source.name} with the embedder {fingerprint}.")
    return name


def compile_steps(work: Path, repositories: Sequence[str], models: str = "*") -> None:
    """Compile the Python steps that were laid out.

    A step that is imported writes its compiled form into its folder, and Triton takes a newer folder for a changed
    model: it would load all steps again with the first ensemble that names them.
    """
    for repository in repositories:
        for file in (work / repository).glob(f"{models}/1/model.py"):
            py_compile.compile(str(file), quiet=2)


def write_sets(file: Path | None, sets: Sets, loaded: Iterable[str]) -> None:
    """Write what is loaded for the gateway; replaces the file atomically."""
    if file is None:
        return
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"base": sets.base, "loaded": sorted({sets.base, *loaded})}), encoding="utf-8")
    new.replace(file)
