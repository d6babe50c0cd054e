"""Middle step: from the networks' raw answers to the regions that are looked up, and their crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, Unavailable
from whatsit_client.taxonomy import INTENTS

from whatsit.ranking.stages import DEFAULT_STAGES, stage_names
from whatsit.serving.metrics.definitions import REGIONS
from whatsit.serving.request_options import Options
from whatsit.serving.triton_step import Tensors, text_tensor
from whatsit.vision.boxes import FloatArray, area
from whatsit.vision.crop import clipped, crop_resize
from whatsit.vision.local_features import ROW, LocalFeatures, extract_regions
from whatsit.vision.regions import USER_BOX, Regions, select_regions

# 98 % of the products in drawn scenes of shop 1007 get a region then, at 4.5 regions beside the whole picture where 3.6
# things stand, and every main thing of training photos of garments, at 2.0 regions; at 0.5 it is 81 % and 96 %.
MIN_SCORE = 0.25

# The whole picture and the best two of its regions: a region's features take some 20 ms.
LOCAL_REGIONS = 3
NO_LOCAL_ROWS: npt.NDArray[np.uint8] = np.zeros((1, 1 + ROW), dtype=np.uint8)

OTHER = INTENTS.index("other")


def is_gated(intent_scores: FloatArray, options: Options) -> bool:
    """Whether the gate is closed: the picture is most likely of nothing that a catalogue holds.

    Args:
        intent_scores: f32 [3], one probability per name of `INTENTS`.
        options: the gate stays open where the caller switched it off or brought boxes of their own.
    """
    return options.gate and options.boxes is None and int(np.argmax(intent_scores)) == OTHER


def find_regions(
    boxes: FloatArray,
    scores: FloatArray,
    labels: npt.NDArray[np.int32],
    names: Sequence[str],
    geometry: tuple[int, int, float],
    options: Options,
    *,
    gated: bool,
    cap: int = 8,
    min_score: float = MIN_SCORE,
) -> Regions:
    """The parts of a picture that are looked up.

    Args:
        boxes: f32 [K,4] of the detector, pixels of its letterbox.
        scores: f32 [K].
        labels: i32 [K], index into `names`.
        names: the detector's labels.
        geometry: width and height of the upright picture, and pixels of the letterbox per pixel of it.
        options: the caller's own boxes replace the detector's.
        gated: True leaves the whole picture alone.
        cap: at most this many regions, the whole picture counted; the caller's own boxes are never cut.
        min_score: weaker boxes are dropped.
    """
    width, height, scale = geometry
    if options.boxes is not None:
        own = np.clip(np.array(options.boxes, dtype=np.float32), 0, np.array([width, height] * 2, dtype=np.float32))
        return Regions.whole(width, height).plus(own, np.ones(len(own), dtype=np.float32), [USER_BOX] * len(own))
    if gated:
        return Regions.whole(width, height)
    return select_regions(boxes / scale, scores, labels, names, width, height, cap=cap, min_score=min_score)


def crops(
    pixels: npt.NDArray[np.uint8],
    width: int,
    regions: Regions,
    size: int = 224,
    whole: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """The embedder's input, uint8 [N,3,size,size].

    Args:
        pixels: uint8 [h,w,3], possibly at reduced scale.
        width: of the full picture that the regions' boxes refer to, pixels.
        regions: what to cut out.
        size: side of a crop, pixels.
        whole: uint8 [3,size,size], what `crop_resize` makes of the whole picture, where that is at hand.
    """
    scale, rows = pixels.shape[1] / width, []
    for box in regions.boxes * scale:
        all_of_it = clipped(box, pixels.shape[1], pixels.shape[0]) == (0, 0, pixels.shape[1], pixels.shape[0])
        rows.append(whole if all_of_it and whole is not None else crop_resize(pixels, box, size))
    return np.stack(rows)


def local_rows(pixels: npt.NDArray[np.uint8], width: int, regions: Regions) -> npt.NDArray[np.uint8]:
    """The local features of the picture and of its best regions, as they travel to the retrieval.

    Features are taken from each region's own pixels, at the resolution that they need; what travels is a tenth of
    those pixels. A region beyond `LOCAL_REGIONS` has none.

    Args:
        pixels: uint8 [h,w,3], possibly at reduced scale.
        width: of the full picture that the regions' boxes refer to, pixels.
        regions: the picture's.

    Returns:
        uint8 [M,133]: the region's index, then a row of `LocalFeatures`. M is 1 or more (Triton passes no empty tensor
        between steps reliably): the first row is all zeros and means nothing.
    """
    scale = pixels.shape[1] / width
    found = extract_regions(pixels, regions.boxes[:LOCAL_REGIONS] * scale)
    rows = [np.insert(one.rows, 0, region, axis=1) for region, one in enumerate(found)]
    return np.concatenate([NO_LOCAL_ROWS, *rows])


def read_local_rows(rows: npt.NDArray[np.uint8], regions: int) -> list[LocalFeatures]:
    """What `local_rows` wrote, for each of so many regions."""
    meant = rows[1:]
    return [LocalFeatures(np.ascontiguousarray(meant[meant[:, 0] == region, 1:])) for region in range(regions)]


def area_shares(regions: Regions, width: float, height: float) -> FloatArray:
    """The share of the picture's area that each region has, f32 [N], 0..1."""
    return np.asarray(area(regions.boxes) / (width * height), dtype=np.float32)


def read_labels(path: Path) -> tuple[str, ...]:
    """The detector's label names, one a line, the class-free "object" first.

    Raises:
        Unavailable: there is no such file.
        Damaged: the file is empty.
    """
    if not path.is_file():
        raise Unavailable(f"There is no label file {path}; put the detector's label names there, one a line.")
    names = tuple(path.read_text(encoding="utf-8").split("\n"))
    names = tuple(name.strip() for name in names if name.strip())
    if not names:
        raise Damaged(f"The label file {path} is empty; put the detector's label names there, one a line.")
    return names


class FindRegions:
    """PIXELS, GEOMETRY, CLASSIFIER_IMAGE, detector and classifier outputs -> CROPS, LOCAL, BOXES, scores unbatched.

    LOCAL is filled only where the call's ranking stages, or else the server's, look at it.

    Model parameters: `labels` (the label file, relative to the model folder), `cap`, `min_score`, `stages` (those of
    the retrieval, which must be the same).
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._names = read_labels(Path(parameters["model_directory"], parameters["labels"]))
        self._cap = int(parameters.get("cap", "8"))
        self._min_score = float(parameters.get("min_score", MIN_SCORE))
        self._stages = parameters.get("stages", DEFAULT_STAGES)

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> dict[str, npt.NDArray[Any]]:
        """Answer one request."""
        width, height, scale = (float(value) for value in inputs["GEOMETRY"])
        outputs: dict[str, npt.NDArray[Any]] = {}
        gated = False
        if "INTENT_IN" in inputs:
            intent = inputs["INTENT_IN"][0]
            gated = is_gated(intent, options)
            outputs["INTENT"] = text_tensor([INTENTS[int(np.argmax(intent))]])
            outputs["INTENT_SCORES"] = intent
            for name in ("SOURCE", "TOPIC", "TAG"):
                if f"{name}_IN" in inputs:
                    outputs[f"{name}_SCORES"] = inputs[f"{name}_IN"][0]
        regions = find_regions(
            inputs["DETECTOR_BOXES"][0],
            inputs["DETECTOR_SCORES"][0],
            inputs["DETECTOR_LABELS"][0],
            self._names,
            (int(width), int(height), scale),
            options,
            gated=gated,
            cap=self._cap,
            min_score=self._min_score,
        )
        REGIONS.observe(len(regions.boxes))
        outputs["GATED"] = np.array([gated])
        outputs["AREAS"] = area_shares(regions, width, height)
        outputs["SCORES"] = regions.scores
        outputs |= {"BOXES": regions.boxes, "BOX_SCORES": regions.scores, "BOX_LABELS": text_tensor(regions.labels)}
        if "CROPS" in wanted:
            whole = inputs["CLASSIFIER_IMAGE"][0] if "CLASSIFIER_IMAGE" in inputs else None
            outputs["CROPS"] = crops(inputs["PIXELS"], int(width), regions, whole=whole)
        if "LOCAL" in wanted:
            asked = "geometry" in stage_names(self._stages if options.rerank is None else options.rerank)
            outputs["LOCAL"] = (
                local_rows(inputs["PIXELS"], int(width), regions) if asked and not gated else NO_LOCAL_ROWS
            )
        return outputs
