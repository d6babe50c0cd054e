"""Step `describe`: decode, detect, classify, regions and embed in one process.

Between separate steps a picture changes cores and processes five times, which costs a tenth of its CPU time;
`perf/notes.md` has the figures. Here it stays on one thread while other pictures keep the other cores busy, and its
crops spread over the cores that idle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from whatsit.engines.available_cores import available_cores
from whatsit.engines.onnx_runner import Runner
from whatsit.engines.open_runner import open_runner
from whatsit.engines.parallel_batch_runner import ParallelBatchRunner
from whatsit.engines.repository import network_file
from whatsit.pipeline.decoded_picture import Pixels, decode_picture
from whatsit.pipeline.networks import read_labels
from whatsit.pipeline.picture_description import run_classifier, run_detector
from whatsit.pipeline.region_selection import check_boxes, crop_regions
from whatsit.serving.admission import SharedCounter
from whatsit.serving.code_reading import CodeReading
from whatsit.serving.environment import served_engines
from whatsit.serving.metrics.definitions import STAGE_SECONDS
from whatsit.serving.request_options import Options
from whatsit.serving.steps.regions import RegionFinder
from whatsit.serving.triton_step import Outputs, Tensors
from whatsit.vision.gpu_jpeg import find_gpu_jpeg

T = TypeVar("T")

# For these the classifier runs; for boxes alone it does not, and then there is no gate, as in the ensemble `detect`.
_OF_BOXES = frozenset({"BOXES", "BOX_SCORES", "BOX_LABELS"})


class ExtractFeatures:
    """IMAGE uint8 [n] -> outputs of `regions`, CODES, EMBEDDINGS f32 [N,128].

    Model parameters: `networks` (the folder of the networks' models, relative to the model folder), and those of the
    steps that it stands for: `gpu`, `cap`, `min_score`, `stages`. The environment names the networks' engines.

    Raises:
        Unavailable: a network, the detector's label file or an engine is missing.
        Damaged: a network cannot be loaded.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        networks = Path(parameters["model_directory"], parameters["networks"]).resolve()
        self._jpeg = find_gpu_jpeg() if parameters.get("gpu") == "auto" else None
        self._names = read_labels(networks / "detector" / "labels.txt")
        self._find_regions = RegionFinder(parameters)
        self._read_codes = CodeReading()
        self._cores = available_cores()
        engines = served_engines(networks)

        def opened(network: str, threads: int = 1, streams: int = 1) -> Runner:
            return open_runner(network_file(networks, network), threads, engine=engines[network], streams=streams)

        self._detector = opened("detector")
        self._quick_detector = opened("detector", threads=min(2, self._cores))
        self._classifier = opened("classifier")
        self._embedder = ParallelBatchRunner(opened("embedder", streams=self._cores), 0)
        self._beside = ThreadPoolExecutor(3, "beside")
        self._busy = SharedCounter("describing", parameters["instance"])

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> Outputs:
        """Answer one request."""
        self._busy.add(1)
        try:
            return self._extract(inputs["IMAGE"], options, wanted)
        finally:
            self._busy.add(-1)

    def _extract(self, data: Pixels, options: Options, wanted: frozenset[str]) -> Outputs:
        with STAGE_SECONDS.timed("decode"):
            picture = decode_picture(data, self._jpeg)
            check_boxes(options.boxes, picture.width, picture.height)
            crop = picture.whole_crop  # region 0, whatever the detector finds
            picture.detector_image  # noqa: B018 - computed here, so that it counts as decoding
        embeds, classifies = "EMBEDDINGS" in wanted, not wanted <= _OF_BOXES
        codes = self._beside_others(partial(self._read_codes, data, picture, options)) if "CODES" in wanted else None
        first = self._beside_others(partial(self._embedder.run, {"images": crop[None]})) if embeds else None
        heads = self._beside_others(partial(run_classifier, crop, self._classify)) if classifies else None
        found = run_detector(picture, self._detect, self._names)
        scores = heads() if heads else {}
        with STAGE_SECONDS.timed("regions"):
            regions, outputs = self._find_regions(picture, found, scores, options, wanted)
            crops = crop_regions(picture, regions.regions)[1:] if embeds else None
        if codes:
            outputs["CODES"] = codes()
        if first and crops is not None:
            with STAGE_SECONDS.timed("embedder"):
                rows = [self._embedder.run({"images": crops}, self._free_cores())] if len(crops) else []
                outputs["EMBEDDINGS"] = np.concatenate([answer["embedding"] for answer in (first(), *rows)])
        return outputs

    def _detect(self, images: Pixels) -> Outputs:
        with STAGE_SECONDS.timed("detector"):
            detector = self._quick_detector if self._free_cores() == self._cores else self._detector
            return detector.run({"images": images})

    def _classify(self, images: Pixels) -> Outputs:
        with STAGE_SECONDS.timed("classifier"):
            return self._classifier.run({"images": images})

    def _beside_others(self, run: Callable[[], T]) -> Callable[[], T]:
        """Begin at once where a core is free, else when the answer is asked for."""
        return self._beside.submit(run).result if self._free_cores() > 1 else run

    def _free_cores(self) -> int:
        """Return the cores for this picture: all, where no other one is in flight."""
        return max(1, self._cores // max(1, self._busy.total()))
