"""Decode, detector, classifier, regions and embedder as one step, with no hops between them, on a machine's cores.

Between steps of their own a picture changes cores and processes five times, which costs a tenth of its CPU time;
`perf/notes.md` has the figures. Here it stays on one thread while other pictures keep the other cores busy, and its
crops spread over the cores that idle.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.engines.parallel_batch_runner import ParallelBatchRunner
from whatsit.engines.repository import network_file
from whatsit.serving.admission import Count
from whatsit.serving.metrics.definitions import STAGE_SECONDS
from whatsit.serving.request_options import Options
from whatsit.serving.steps.decode import Decode
from whatsit.serving.steps.regions import FindRegions
from whatsit.serving.triton_step import Tensors

Outputs = dict[str, npt.NDArray[Any]]

# For these the classifier runs; for boxes alone it does not, and then there is no gate, as in the ensemble `detect`.
_OF_BOXES = frozenset({"BOXES", "BOX_SCORES", "BOX_LABELS"})
_HEADS = {"INTENT_IN": "intent", "SOURCE_IN": "source", "TOPIC_IN": "topic", "TAG_IN": "tag"}


class Describe:
    """IMAGE uint8 [n] -> what `regions` puts out, and EMBEDDINGS f32 [N,128] in place of the crops.

    Model parameters: `networks` (the folder of the networks' models, relative to the model folder), and those of the
    steps that it stands for: `cap`, `min_score`, `stages`.

    Raises:
        Unavailable: a network or the detector's label file is missing.
        Damaged: a network cannot be loaded.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        networks = Path(parameters["model_directory"], parameters["networks"]).resolve()
        labels = str(networks / "detector" / "labels.txt")
        self._decode = Decode(parameters)
        self._find = FindRegions({**parameters, "labels": labels})
        self._cores = len(os.sched_getaffinity(0))
        self._detector = OnnxRunner(network_file(networks, "detector"), threads=1)
        self._quick_detector = OnnxRunner(network_file(networks, "detector"), threads=min(2, self._cores))
        self._classifier = OnnxRunner(network_file(networks, "classifier"), threads=1)
        self._embedder = ParallelBatchRunner(OnnxRunner(network_file(networks, "embedder"), threads=1), 0)
        self._beside = ThreadPoolExecutor(2, "beside")
        self._busy = Count("describing", parameters["instance"])

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> Outputs:
        """Answer one request."""
        self._busy.add(1)
        try:
            return self._describe(inputs, options, wanted)
        finally:
            self._busy.add(-1)

    def _describe(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> Outputs:
        with STAGE_SECONDS.timed("decode"):
            picture = self._decode(inputs, options, wanted)
        embeds, classifies = "EMBEDDINGS" in wanted, not wanted <= _OF_BOXES
        whole = {"images": picture["CLASSIFIER_IMAGE"]}  # region 0, whatever the detector finds
        first = self._beside_others(self._embedder.run, whole) if embeds else None
        heads = self._beside_others(self._classify, whole) if classifies else None
        found = self._detect(picture["DETECTOR_IMAGE"])
        found |= heads() if heads else {}
        with STAGE_SECONDS.timed("regions"):
            seen = {name: picture[name] for name in ("PIXELS", "GEOMETRY", "CLASSIFIER_IMAGE")}
            outputs = self._find(seen | found, options, wanted | ({"CROPS"} if embeds else set()))
        if first:
            with STAGE_SECONDS.timed("embedder"):
                others = outputs.pop("CROPS")[1:]
                rows = [self._embedder.run({"images": others}, self._free_cores())] if len(others) else []
                outputs["EMBEDDINGS"] = np.concatenate([answer["embedding"] for answer in (first(), *rows)])
        return outputs

    def _detect(self, image: npt.NDArray[np.uint8]) -> Outputs:
        with STAGE_SECONDS.timed("detector"):
            detector = self._quick_detector if self._free_cores() == self._cores else self._detector
            found = detector.run({"images": image})
        return {f"DETECTOR_{name.upper()}": found[name] for name in ("boxes", "scores", "labels")}

    def _classify(self, feeds: Outputs) -> Outputs:
        with STAGE_SECONDS.timed("classifier"):
            heads = self._classifier.run(feeds)
        return {name: heads[head] for name, head in _HEADS.items()}

    def _beside_others(self, run: Callable[[Outputs], Outputs], feeds: Outputs) -> Callable[[], Outputs]:
        """Begin at once where a core is free, else when the answer is asked for."""
        if self._free_cores() > 1:
            return self._beside.submit(run, feeds).result
        return partial(run, feeds)

    def _free_cores(self) -> int:
        """How many cores fall to this picture: all, where no other one is looked at."""
        return max(1, self._cores // max(1, self._busy.total()))
