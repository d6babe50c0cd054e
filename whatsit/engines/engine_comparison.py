"""Compares ONNX Runtime and OpenVINO on this machine in time and answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whatsit.engines.build_recipe import read_build_recipe
from whatsit.engines.onnx_runner import OnnxRunner, Runner
from whatsit.engines.openvino_runner import OpenVinoRunner
from whatsit.engines.parity import Outputs, figures, missed_tolerances
from whatsit.engines.ratio_interval import Ratio, ratio_interval
from whatsit.engines.repository import default_root, network_file
from whatsit.engines.tensor_contract import CONTRACTS
from whatsit.rendering.product import make_products
from whatsit.rendering.scene import make_scene

Pixels = npt.NDArray[np.uint8]

ROWS = {"detector": 1, "classifier": 1, "embedder": 6}
"""Rows of a run, as one picture brings them."""

MIN_GAIN = 0.03
"""Less than this is not worth another engine."""

_FEWEST, _MOST = 10, 400
_PARITY_ROWS = 8


@dataclass(frozen=True)
class Comparison:
    """Both engines on one network, one thread.

    Args:
        network: of `NETWORKS`.
        rows: of a run.
        onnxruntime_ms: median of a run.
        openvino_ms: median of a run.
        speedup: time of ONNX Runtime over time of OpenVINO.
        runs: of each engine.
        parity: figures of OpenVINO's answers beside ONNX Runtime's.
        missed: figures below the tolerance of the network's recipe.
    """

    network: str
    rows: int
    onnxruntime_ms: float
    openvino_ms: float
    speedup: Ratio
    runs: int
    parity: dict[str, float]
    missed: tuple[str, ...]

    @property
    def engine(self) -> str:
        """Return the engine to serve the network with."""
        is_faster = self.speedup.low > 1 and self.speedup.value > 1 + MIN_GAIN
        return "openvino" if is_faster and not self.missed else "onnxruntime"


def compare_engines(network: str, model_repository: Path, pictures: Sequence[Pixels], seconds: float) -> Comparison:
    """Compare both engines on one network.

    Args:
        network: of `NETWORKS`.
        model_repository: the folder with the networks.
        pictures: RGB uint8 [H,W,3]; two or more.
        seconds: for the times; a run of each is taken in turns, which goes first alternates.

    Raises:
        Unavailable: the network's file is missing, or OpenVINO is not installed.
        Damaged: an engine cannot load it.
    """
    path = network_file(model_repository, network)
    prepare = CONTRACTS[network].prepare
    images = np.stack([prepare(picture) for picture in pictures])
    with OnnxRunner(path) as usual, OpenVinoRunner(path) as other:
        parity = figures(_outputs(usual, images), _outputs(other, images))
        runs = [np.resize(images[start:], (ROWS[network], *images.shape[1:])) for start in range(min(len(images), 4))]
        times = _times(usual, other, runs, seconds)
    tolerances = read_build_recipe(default_root() / "build" / f"{network}.yaml").engine.tolerances
    usual_ms, other_ms = (1e3 * float(np.median(one)) for one in times)
    return Comparison(
        network,
        ROWS[network],
        usual_ms,
        other_ms,
        ratio_interval(*times),
        len(times[0]),
        parity,
        tuple(missed_tolerances(parity, tolerances)),
    )


def drawn_pictures(count: int = 32) -> list[Pixels]:
    """Draw scenes of products, for machines without photos."""
    products = make_products(60, 1)
    return [
        make_scene(products, np.random.default_rng([7, number]), count=2 + number % 4).image for number in range(count)
    ]


def advice(found: Sequence[Comparison]) -> str:
    """Return what to do, in one sentence."""
    better = [one for one in found if one.engine == "openvino"]
    wrong = [one.network for one in found if one.missed and one.speedup.low > 1]
    before = sum(one.onnxruntime_ms for one in found)
    after = sum(one.openvino_ms if one.engine == "openvino" else one.onnxruntime_ms for one in found)
    refused = f" OpenVINO's answers of {' and '.join(wrong)} differ too much to be used." if wrong else ""
    if not better:
        return f"Stay with ONNX Runtime: on this machine OpenVINO is faster for none of the networks.{refused}"
    names = " and ".join(one.network for one in better)
    if len(better) == len(found):
        names = "all networks"
    return (
        f"Serve {names} with OpenVINO: the networks of a picture take {after:.1f} ms instead of {before:.1f}.{refused}"
    )


def _outputs(runner: Runner, images: Pixels) -> Outputs:
    runs = [
        runner.run({"images": images[start : start + _PARITY_ROWS]}) for start in range(0, len(images), _PARITY_ROWS)
    ]
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def _times(
    usual: Runner,
    other: Runner,
    runs: Sequence[Pixels],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], list[float]]:
    """Return seconds of neighbouring runs of both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(3):  # the first runs load code and memory
        usual.run({"images": runs[0]})
        other.run({"images": runs[0]})
    end = clock() + seconds
    while len(times[0]) < _FEWEST or (clock() < end and len(times[0]) < _MOST):
        turn = len(times[0])
        for place in (0, 1) if turn % 2 == 0 else (1, 0):
            start = clock()
            (usual, other)[place].run({"images": runs[turn % len(runs)]})
            times[place].append(clock() - start)
    return times
