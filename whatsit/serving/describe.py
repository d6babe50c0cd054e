"""Decode, detector, classifier, regions and embedder as one step, with no hops between them, on a machine's cores.

Between steps of their own a picture changes cores and processes five times, which costs a tenth of its CPU time;
`perf/notes.md` has the figures. Here it stays on one thread while other pictures keep the other cores busy, and its
crops spread over the cores that idle.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy.typing as npt

from whatsit.engines.rows import Rows
from whatsit.engines.runner import OnnxRunner
from whatsit.serving.admission import Count
from whatsit.serving.decode import Decode
from whatsit.serving.measures import STAGE_SECONDS
from whatsit.serving.options import Options
from whatsit.serving.regions import FindRegions
from whatsit.serving.repository import network_file
from whatsit.serving.step import Tensors

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
        self._detector = OnnxRunner(network_file(networks, "detector"), threads=1)
        self._classifier = OnnxRunner(network_file(networks, "classifier"), threads=1)
        self._embedder = Rows(OnnxRunner(network_file(networks, "embedder"), threads=1), 0)
        self._beside = ThreadPoolExecutor(1, "classifier")
        self._busy = Count("describing", str(os.getpid()))
        self._cores = len(os.sched_getaffinity(0))

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
        found = self._look(picture, classify=not wanted <= _OF_BOXES)
        with STAGE_SECONDS.timed("regions"):
            outputs = self._find(
                {name: picture[name] for name in ("PIXELS", "GEOMETRY", "CLASSIFIER_IMAGE")} | found,
                options,
                wanted | ({"CROPS"} if "EMBEDDINGS" in wanted else set()),
            )
        if "EMBEDDINGS" in wanted:
            with STAGE_SECONDS.timed("embedder"):
                feeds = {"images": outputs.pop("CROPS")}
                outputs["EMBEDDINGS"] = self._embedder.run(feeds, self._free_cores())["embedding"]
        return outputs

    def _look(self, picture: Outputs, classify: bool) -> Outputs:
        """What the networks say that see the whole picture, under the names that `regions` knows."""
        feeds = {"images": picture["CLASSIFIER_IMAGE"]}
        early = self._beside.submit(self._classify, feeds) if classify and self._free_cores() > 1 else None
        with STAGE_SECONDS.timed("detector"):
            boxes = self._detector.run({"images": picture["DETECTOR_IMAGE"]})
        found: Outputs = {f"DETECTOR_{name.upper()}": boxes[name] for name in ("boxes", "scores", "labels")}
        if classify:
            heads = early.result() if early else self._classify(feeds)
            found |= {name: heads[head] for name, head in _HEADS.items()}
        return found

    def _classify(self, feeds: Outputs) -> Outputs:
        with STAGE_SECONDS.timed("classifier"):
            return self._classifier.run(feeds)

    def _free_cores(self) -> int:
        """How many cores fall to this picture: all, where no other one is looked at."""
        return max(1, self._cores // max(1, self._busy.total()))
