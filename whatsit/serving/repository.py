"""Where the model repositories are, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import Unavailable

import whatsit

NETWORKS = ("detector", "classifier", "embedder")


def default_root() -> Path:
    """The folder that holds `model_repository/` and `ensembles/`.

    Raises:
        Unavailable: neither a checkout nor the wheel's own copy is here.
    """
    package = Path(whatsit.__file__).resolve().parent
    for root in (package.parent, package / "share"):
        if (root / "model_repository").is_dir() and (root / "ensembles").is_dir():
            return root
    raise Unavailable("The folders model_repository/ and ensembles/ are not here: run from a checkout of Whatsit.")


def network_file(model_repository: Path, network: str) -> Path:
    """The ONNX file of one of `NETWORKS`.

    Raises:
        Unavailable: the repository lacks it.
    """
    path = model_repository / network / "1" / "model.onnx"
    if not path.is_file():
        raise Unavailable(f"The network {path} is missing: build it with `whatsit build {network}`.")
    return path
