"""Locations of model repositories, recipes and files made on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from platformdirs import user_cache_path
from whatsit_client.errors import Unavailable

NETWORKS = ("detector", "classifier", "embedder")
REPOSITORIES = ("model_repository", "ensembles", "fused")
HOME_VARIABLE, CACHE_VARIABLE = "WHATSIT_HOME", "WHATSIT_CACHE"


def default_root() -> Path:
    """Return the folder with `model_repository/`, `ensembles/`, `fused/` and `build/`.

    That is the folder in the environment variable WHATSIT_HOME, else `whatsit/assets` of an installed wheel, else the
    checkout.

    Raises:
        Unavailable: the folder lacks the repositories.
    """
    package = Path(str(files("whatsit")))
    home = os.environ.get(HOME_VARIABLE)
    assets = package / "assets"
    root = Path(home) if home else assets if assets.is_dir() else package.resolve().parent
    if not ((root / "model_repository").is_dir() and (root / "ensembles").is_dir()):
        raise Unavailable(
            f"The folders model_repository/ and ensembles/ are not in {root}: set {HOME_VARIABLE} to a folder that "
            "`whatsit repository FOLDER` wrote, or install Whatsit again."
        )
    return root


def cache_folder() -> Path:
    """Return the cache folder: WHATSIT_CACHE, else the user's."""
    return Path(os.environ.get(CACHE_VARIABLE) or user_cache_path("whatsit"))


def network_file(model_repository: Path, network: str) -> Path:
    """Return the ONNX file of one of `NETWORKS`.

    Raises:
        Unavailable: the repository lacks it.
    """
    path = model_repository / network / "1" / "model.onnx"
    if not path.is_file():
        raise Unavailable(f"The network {path} is missing: build it with `whatsit build {network}`.")
    return path


def answer_file(model_repository: Path | None = None) -> Path:
    """Return the file of a model repository's answer model."""
    return (model_repository or default_root() / "model_repository") / "retrieval" / "answer.json"


def plan_file(model_repository: Path, network: str, new: bool = False) -> Path:
    """Return the path of a network's TensorRT plan, which need not exist.

    Plans of Whatsit's own networks are in the cache folder, named by the digest of `tensorrt.onnx`. A plan in the
    repository itself is used where the cache has none.

    Args:
        model_repository: the folder with the networks.
        network: of `NETWORKS`.
        new: return the path to write a plan to.
    """
    from whatsit.engines.onnx_runner import file_fingerprint

    beside = model_repository / network / "1" / "model.plan"
    source = beside.with_name("tensorrt.onnx")
    if not _is_default(model_repository) or not source.is_file():
        return beside
    cached = cache_folder() / "plans" / f"{network}-{file_fingerprint(source)[:16]}.plan"
    return beside if beside.is_file() and not cached.is_file() and not new else cached


def overlay_folder(model_repository: Path) -> Path:
    """Return the folder to write tuned configurations of a model repository to."""
    return cache_folder() / "model_repository" if _is_default(model_repository) else model_repository


def config_file(model_repository: Path, model: str, name: str) -> Path:
    """Return the path of a model's `configs/NAME.pbtxt`, which need not exist."""
    relative = Path(model, "configs", f"{name}.pbtxt")
    cached = overlay_folder(model_repository) / relative
    return cached if cached.is_file() else model_repository / relative


def lay_out_repositories(root: Path, folder: Path, place: Callable[[str, str], object] = shutil.copy2) -> None:
    """Write model repositories with the plans and tuned configurations of the cache.

    Args:
        root: folder with the repositories; nothing is written there.
        folder: folder to write to; files of the same names are replaced by copies.
        place: `shutil.copy2`, or `os.symlink` for links in a new folder.
    """
    root, models = root.resolve(), root.resolve() / "model_repository"
    ignore = shutil.ignore_patterns("__pycache__", ".gitkeep")

    def tree(source: Path, target: Path) -> None:
        shutil.copytree(source, target, ignore=ignore, copy_function=place, dirs_exist_ok=True)

    for name in REPOSITORIES:
        if (root / name).is_dir():
            tree(root / name, folder / name)
    made = {plan_file(models, network): Path(network, "1", "model.plan") for network in NETWORKS}
    if _is_default(models):
        made |= {path: path.relative_to(overlay_folder(models)) for path in overlay_folder(models).glob("*/configs/*")}
    for path, relative in made.items():
        target = folder / "model_repository" / relative
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            place(str(path), str(target))


def _is_default(model_repository: Path) -> bool:
    try:
        return model_repository.resolve() == (default_root() / "model_repository").resolve()
    except Unavailable:
        return False
