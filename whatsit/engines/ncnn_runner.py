"""Runs ncnn networks on uint8 pictures, as ONNX Runtime's runner does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, Unavailable

Arrays = dict[str, npt.NDArray[np.generic]]
_INPUT = "images"


class NcnnRunner:
    """A network of ncnn on the CPU, a context manager.

    Args:
        param: the `.param` file; the `.bin` lies beside it.
        outputs: names of the blobs to return.
        threads: CPU threads.
        keep: hold every blob in memory, so that any of them can be an output.

    Raises:
        Unavailable: ncnn is not installed, or there is no such file.
        Damaged: ncnn cannot read the files.
    """

    def __init__(self, param: Path, outputs: Sequence[str], threads: int = 1, keep: bool = False) -> None:
        try:
            import ncnn
        except ImportError as error:
            raise Unavailable("Running ncnn networks needs ncnn: pip install 'whatsit[device]'.") from error
        weights = param.with_suffix(".bin")
        if not (param.is_file() and weights.is_file()):
            raise Unavailable(f"The network {param} or its .bin is missing: build it with `whatsit build scan`.")
        self._ncnn: Any = ncnn
        self._net = ncnn.Net()
        self._net.opt.num_threads = threads
        self._keep, self._outputs = keep, tuple(outputs)
        if self._net.load_param(str(param)) or self._net.load_model(str(weights)):
            raise Damaged(f"ncnn cannot read {param} and its .bin: build them again.")

    def __enter__(self) -> NcnnRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._net.clear()

    def run(self, feeds: Mapping[str, npt.NDArray[np.generic]]) -> Arrays:
        """Run `images` uint8 [n, 3, h, w], picture by picture; h and w multiples of 32."""
        rows = [self.run_one(picture) for picture in np.asarray(feeds[_INPUT], np.uint8)]
        return {name: np.stack([row[name] for row in rows]) for name in self._outputs}

    def run_one(self, picture: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """Run one picture uint8 [3, h, w]."""
        extractor = self._net.create_extractor()
        extractor.set_light_mode(not self._keep)
        # A Mat shares the array's memory, and the first layer may work in place.
        pixels = np.multiply(picture, np.float32(1 / 255), dtype=np.float32)
        extractor.input(_INPUT, self._ncnn.Mat(np.ascontiguousarray(pixels)).clone())
        return {name: np.array(extractor.extract(name)[1]) for name in self._outputs}
