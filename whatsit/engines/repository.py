"""Where the model repositories are."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import Unavailable

import whatsit

NETWORKS = ("detector", "classifier", "embedder")


def default_root() -> Path:
    """The checkout, which holds `model_repository/` and `ensembles/`.

    Raises:
        Unavailable: Whatsit was installed without one.
    """
    root = Path(whatsit.__file__).resolve().parents[1]
    if not ((root / "model_repository").is_dir() and (root / "ensembles").is_dir()):
        raise Unavailable("The folders model_repository/ and ensembles/ are not here: use a checkout of Whatsit.")
    return root


def network_file(model_repository: Path, network: str) -> Path:
    """The ONNX file of one of `NETWORKS`.

    Raises:
        Unavailable: the repository lacks it.
    """
    path = model_repository / network / "1" / "model.onnx"
    if not path.is_file():
        raise Unavailable(f"The network {path} is missing: build it with `whatsit build {network}`.")
    return path
