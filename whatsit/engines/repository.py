"""Locations of model repositories and recipes, in a checkout and in a wheel."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from platformdirs import user_cache_path
from whatsit_client.errors import Unavailable

NETWORKS = ("detector", "classifier", "embedder")
_FOLDERS = ("model_repository", "ensembles", "fused", "build")


def default_root() -> Path:
    """Return the folder that holds the model repositories and the recipes in `build/`.

    That is the folder named by the environment variable WHATSIT_HOME, else the checkout. An installed wheel is never
    written to: there the folder lies in the cache and links to the installed files, so that compiled engines and tuned
    configurations stand beside them.

    Raises:
        Unavailable: WHATSIT_HOME has no repositories, or the cache folder cannot be written.
    """
    named = os.environ.get("WHATSIT_HOME")
    package = Path(str(resources.files("whatsit")))
    root = Path(named) if named else package.parent
    if all((root / folder).is_dir() for folder in _FOLDERS[:2]):
        return root.resolve()
    if named:
        raise Unavailable(f"WHATSIT_HOME={named} has no model_repository/ and ensembles/: name a folder that has both.")
    return _cached(package / "assets")


def cache_folder() -> Path:
    """Return the folder for generated files: WHATSIT_CACHE, else the user's cache folder."""
    return Path(os.environ.get("WHATSIT_CACHE") or user_cache_path("whatsit"))


def _cached(assets: Path) -> Path:
    """Bring the cache's links to the installed files up to date."""
    if not assets.is_dir():
        raise Unavailable(f"{assets} is missing: this installation of Whatsit is not complete, install it again.")
    root = cache_folder() / "repositories"
    try:
        for source in sorted(path for path in assets.rglob("*") if path.is_file()):
            _link(source, root / source.relative_to(assets))
        for link in root.rglob("*"):
            if link.is_symlink() and not link.exists():  # a file of an earlier version
                link.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The cache folder {root} cannot be written ({error}): set WHATSIT_CACHE to a folder that can."
        ) from error
    return root


def _link(source: Path, link: Path) -> None:
    """Link to a file atomically, unless the link stands already."""
    if link.is_symlink() and link.readlink() == source:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=link.parent.parent, prefix=".link-"))
    try:
        (folder / link.name).symlink_to(source)
        (folder / link.name).replace(link)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def network_file(model_repository: Path, network: str) -> Path:
    """Return the ONNX file of one of `NETWORKS`.

    Raises:
        Unavailable: the repository lacks it.
    """
    path = model_repository / network / "1" / "model.onnx"
    if not path.is_file():
        raise Unavailable(f"The network {path} is missing: build it with `whatsit build {network}`.")
    return path
