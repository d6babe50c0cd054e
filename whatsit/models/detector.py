"""The detector that a recipe asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whatsit.models import mobilenet_v2 as backbone
from whatsit.models import resnet
from whatsit.models.csp_detector import CspDetector
from whatsit.models.faster_rcnn import FasterRcnn, FasterRcnnForExport
from whatsit.models.product_labels import PRODUCTS
from whatsit.models.retinanet import DetectorForExport, RetinaNet

_CANDIDATES = 300


Detector = RetinaNet | CspDetector | FasterRcnn


def detector_network(recipe: Mapping[str, Any], weights: Path | None = None) -> Detector:
    """Build the network of a training recipe.

    Args:
        recipe: `backbone` ("mobilenet_v2" where it is not said), `channels` and `depth` (csp_nano has its own),
            `stages` (2: Faster R-CNN on MobileNetV2) and, for resnet50, `pretrained`.
        weights: the folder of weights to start from; None where a checkpoint follows, or for a random start.

    Raises:
        InvalidInput: weights to start from are not there.
        Unavailable: weights to start from cannot be fetched.
        Damaged: they are of another network.
    """
    if recipe.get("backbone") == "csp_nano":
        return CspDetector(weights / "yolox_nano.onnx" if weights else None)
    channels, depth = int(recipe["channels"]), int(recipe["depth"])
    if recipe.get("backbone") == "resnet50":
        network = resnet.ResNet50(str(recipe.get("pretrained", "")) if weights else "")
        return RetinaNet(
            network, resnet.STAGE_CHANNELS, len(PRODUCTS), channels, depth, plain=True, mean=resnet.MEAN, std=resnet.STD
        )
    start = weights / "mobilenet_v2_1.0_224_float.onnx" if weights else None
    if recipe.get("stages", 1) == 2:
        return FasterRcnn(backbone.MobileNetV2(start), backbone.STAGE_CHANNELS, len(PRODUCTS), channels, depth)
    return RetinaNet(backbone.MobileNetV2(start), backbone.STAGE_CHANNELS, len(PRODUCTS), channels, depth)


def for_export(network: Detector, size: int) -> DetectorForExport | FasterRcnnForExport:
    """Return the network as served at `size` pixels, with NMS in `CspDetector`."""
    if isinstance(network, FasterRcnn):
        return FasterRcnnForExport(network, size)
    return DetectorForExport(network, size, candidates=_CANDIDATES if isinstance(network, CspDetector) else 0)
