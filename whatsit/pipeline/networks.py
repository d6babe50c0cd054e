"""The networks of a model repository, loaded in this process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, Unavailable

from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.open_runner import open_runner
from whatsit.engines.repository import NETWORKS, default_root, network_file, plan_file
from whatsit.engines.runtime_target import TENSORRT, network_engines

# Images uint8 [N,3,side,side] -> the network's outputs by name, each [N,...].
Network = Callable[[npt.NDArray[np.uint8]], dict[str, npt.NDArray[Any]]]


class Networks:
    """Detector, classifier and embedder, loaded once; safe to call from many threads.

    Args:
        model_repository: Triton's folder of models; None for Whatsit's own.
        target: "onnxruntime" or "openvino" (CPU), "tensorrt" (engines on a GPU), or "auto".
        embedder: file of another embedder than the repository's; on TensorRT its `model.plan` lies beside it.

    Raises:
        Unavailable: a network or the detector's label file is missing, or there is no GPU for the engines.
        Damaged: a network cannot be loaded.

    Example:
        >>> with Networks() as networks:  # doctest: +SKIP
        ...     describe(Path("photo.jpg").read_bytes(), RegionOptions(), networks).regions.labels
        ('image', 'carton')
    """

    def __init__(
        self, model_repository: Path | None = None, target: str = "onnxruntime", embedder: Path | None = None
    ) -> None:
        repository = model_repository or default_root() / "model_repository"
        self.fingerprint = embedder_fingerprint(embedder or network_file(repository, "embedder"))
        self.names = read_labels(repository / "detector" / "labels.txt")
        engines = network_engines(target, repository)
        on_gpu = TENSORRT in engines.values()
        find = plan_file if on_gpu else network_file
        files = {network: find(repository, network) for network in NETWORKS}
        if embedder is not None:
            files["embedder"] = embedder.with_name("model.plan") if on_gpu else embedder
        self._runners = {network: open_runner(file, engine=engines[network]) for network, file in files.items()}
        self.detector: Network = partial(self.run, "detector")
        self.classifier: Network = partial(self.run, "classifier")
        self.embedder: Network = partial(self.run, "embedder")

    def run(self, network: str, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """Run `detector`, `classifier` or `embedder` on images uint8 [N,3,side,side]."""
        return self._runners[network].run({"images": images})

    def close(self) -> None:
        """Free the networks."""
        for runner in self._runners.values():
            runner.close()

    def __enter__(self) -> Networks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_labels(path: Path) -> tuple[str, ...]:
    """Read the detector's label names, one a line, the class-free "object" first.

    Raises:
        Unavailable: there is no such file.
        Damaged: the file is empty.
    """
    if not path.is_file():
        raise Unavailable(f"There is no label file {path}; put the detector's label names there, one a line.")
    names = tuple(name.strip() for name in path.read_text(encoding="utf-8").split("\n") if name.strip())
    if not names:
        raise Damaged(f"The label file {path} is empty; put the detector's label names there, one a line.")
    return names
