"""Find things in a frame on the device: ncnn or ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from whatsit_client.errors import Damaged, InvalidInput, Unavailable
from whatsit_client.scan.center_decoding import Contract, Detections, Floats, decode_centers, suppress
from whatsit_client.scan.frame_pixels import Pixels, canvas_of

_OUTPUTS = ("heat", "size", "offset")
_Run = Callable[[Pixels], tuple[Floats, Floats, Floats]]


class Detector(Protocol):
    """Finds things in a frame; `labels` names its classes."""

    labels: tuple[str, ...]

    def __call__(self, pixels: Pixels) -> Detections:
        """Return the things in an RGB frame uint8 [H,W,3], best first."""


class ScanDetector:
    """The scan network on ncnn or ONNX Runtime.

    Args:
        model: a folder with `scan.json`, or an ONNX file; None for the network that comes with the package.
        runtime: "ncnn", "onnx", or "auto": the first one that is installed.
        threads: CPU threads.

    Raises:
        Unavailable: there is no such file, or neither runtime is installed.
        InvalidInput: the runtime is unknown.
        Damaged: the network cannot be loaded.
    """

    def __init__(self, model: str | Path | None = None, runtime: str = "auto", threads: int = 1) -> None:
        place = Path(model) if model is not None else shipped_model()
        folder = place if place.is_dir() else place.parent
        record = _read_json(folder / "scan.json")
        self.contract = Contract.from_record(record)
        self.labels = self.contract.labels
        self.runtime = "onnx" if place.suffix == ".onnx" else _runtime(runtime)
        files = record.get("files", {})
        try:
            if self.runtime == "ncnn":
                self._run = _open_ncnn([folder / name for name in files["ncnn"]], threads)
            else:
                self._run = _open_onnx(place if place.suffix == ".onnx" else folder / files["onnx"], threads)
        except KeyError as error:
            raise Damaged(f"{folder / 'scan.json'} names no file for {error}: build the network again.") from error

    def __call__(self, pixels: Pixels) -> Detections:
        """Return the things in an RGB frame uint8 [H,W,3], best first."""
        asked = self.contract
        canvas, scale = canvas_of(pixels, asked.side, asked.multiple, asked.padding)
        heat, size, offset = self._run(canvas)
        return decode_centers(heat, size, offset, asked, scale, (pixels.shape[1], pixels.shape[0]))


class BoxDetector:
    """A detector of the server's tensor contract, on ONNX Runtime.

    Args:
        model: the ONNX file; its input is uint8 [n,3,S,S].
        labels: names of its classes, the class-free one first.
        min_score: weaker boxes are dropped.
        threads: CPU threads.
    """

    def __init__(
        self, model: str | Path, labels: tuple[str, ...] = ("object",), min_score: float = 0.3, threads: int = 1
    ) -> None:
        self._session = _onnx_session(Path(model), threads)
        self._side = int(self._session.get_inputs()[0].shape[-1])
        self.labels, self._min_score = labels, min_score

    def __call__(self, pixels: Pixels) -> Detections:
        """Return the things in an RGB frame uint8 [H,W,3], best first."""
        canvas, scale = canvas_of(pixels, self._side, self._side, 114)
        square = np.full((self._side, self._side, 3), 114, np.uint8)
        square[: canvas.shape[0], : canvas.shape[1]] = canvas
        name = self._session.get_inputs()[0].name
        batch = np.ascontiguousarray(square.transpose(2, 0, 1))[None]
        boxes, scores, labels = (one[0] for one in self._session.run(["boxes", "scores", "labels"], {name: batch}))
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= self._min_score]
        order = order[suppress(boxes[order], 0.5)][:20]
        limit = np.array([pixels.shape[1], pixels.shape[0]] * 2, np.float32)
        found = np.clip(boxes[order] / np.float32(scale), 0, limit).astype(np.float32)
        return Detections(found, scores[order], labels[order].astype(np.int32))


def open_detector(model: str | Path | None = None, runtime: str = "auto", threads: int = 1) -> Detector:
    """Open a scan network, or an ONNX file of the server's detector.

    Raises:
        WhatsitError: as `ScanDetector` says.
    """
    place = None if model is None else Path(model)
    if place is not None and place.suffix == ".onnx" and not (place.parent / "scan.json").is_file():
        names = [folder / "labels.txt" for folder in (place.parent, place.parent.parent)]
        found = next((name.read_text(encoding="utf-8").splitlines() for name in names if name.is_file()), ["object"])
        return BoxDetector(place, tuple(found), threads=threads)
    return ScanDetector(place, runtime, threads)


def shipped_model() -> Path:
    """Return the folder of the network that comes with the package or the checkout.

    Raises:
        Unavailable: there is none.
    """
    package = Path(__file__).resolve().parent
    places = (package / "models", package.parents[1] / "mobile" / "models")
    for place in places:
        if (place / "scan.json").is_file():
            return place
    raise Unavailable("No scan network comes with this installation, so name one.")


def _runtime(name: str) -> str:
    if name not in ("auto", "ncnn", "onnx"):
        raise InvalidInput(f"The runtime '{name}' is unknown: choose auto, ncnn or onnx.")
    if name != "auto":
        return name
    for runtime, module in (("ncnn", "ncnn"), ("onnx", "onnxruntime")):
        try:
            __import__(module)
        except ImportError:
            continue
        return runtime
    raise Unavailable("The scan network needs ncnn or ONNX Runtime: pip install 'whatsit-client[scan]'.")


def _import(name: str) -> ModuleType:
    try:
        return __import__(name)
    except ImportError as error:
        raise Unavailable(f"{name} is not installed: pip install 'whatsit-client[scan]'.") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unavailable(f"There is no {path}: a scan network is a folder with scan.json.") from error
    except ValueError as error:
        raise Damaged(f"{path} is no JSON ({error}): build the network again.") from error
    if not isinstance(record, dict):
        raise Damaged(f"{path} holds no JSON object: build the network again.")
    return record


def _open_ncnn(files: list[Path], threads: int) -> _Run:
    ncnn = _import("ncnn")
    for file in files:
        if not file.is_file():
            raise Unavailable(f"There is no file {file}: build the network again.")
    net = ncnn.Net()
    net.opt.num_threads = threads
    if net.load_param(str(files[0])) or net.load_model(str(files[1])):
        raise Damaged(f"ncnn cannot load {files[0]}: build the network again.")

    def run(canvas: Pixels) -> tuple[Floats, Floats, Floats]:
        planes = np.ascontiguousarray(canvas.transpose(2, 0, 1), np.float32) * np.float32(1 / 255)
        extractor = net.create_extractor()
        extractor.input("images", ncnn.Mat(planes).clone())  # without the copy it crashes where a layer works in place
        heat, size, offset = (np.array(extractor.extract(name)[1], np.float32) for name in _OUTPUTS)
        return heat, size, offset

    return run


def _onnx_session(file: Path, threads: int) -> Any:
    runtime = _import("onnxruntime")
    if not file.is_file():
        raise Unavailable(f"There is no file {file}: build the network again.")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        return runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Damaged(f"ONNX Runtime cannot load {file} ({error}).") from error


def _open_onnx(file: Path, threads: int) -> _Run:
    session = _onnx_session(file, threads)

    def run(canvas: Pixels) -> tuple[Floats, Floats, Floats]:
        batch = np.ascontiguousarray(canvas.transpose(2, 0, 1))[None]
        heat, size, offset = (one[0] for one in session.run(list(_OUTPUTS), {"images": batch}))
        return heat, size, offset

    return run
