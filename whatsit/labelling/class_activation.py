"""Weak boxes by class activation maps of the classifier (Zhou et al., 2016).

The map of a tag is the contribution of each place to the logits of the tag's ImageNet classes (to the best class of all
where no tag is given, or it has none): probabilities near certainty hardly change with the features, and what small
heads add is no map. Its box is not that of the places above a threshold, as in the paper, but the one that leaves a
fiftieth of the map's mass beyond each side: at least as often right (IoU 0.5) as any threshold tried. Against single
sure boxes of yolox_nano it is right on 79 % of 246 ImageNet photos (the centred box of 80 % of each side: 71 %), on all
of 85 garment photos (all), on 7 of 21 grocery photos (9); `whatsit label compare --single` prints such figures. Size
and tail were chosen on 112 such photos, 46 of the ImageNet ones among them.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from whatsit_client.taxonomy import TAGS

from whatsit.engines.trained_networks import load_network
from whatsit.evaluation.datasets.imagenet_tags import intent_matrix, tag_matrix
from whatsit.evaluation.datasets.label_file import Box
from whatsit.models.classifier import IMAGE_SIZE, Classifier
from whatsit.models.mobilenet_v2 import pooled
from whatsit.vision.crop import crop_resize

SIZE, TAIL = 320, 0.02
_FINE = 96


def imagenet_classifier(weights: Path) -> Classifier:
    """Return the ImageNet network with classes summed into tags."""
    return Classifier(weights, torch.from_numpy(tag_matrix()), torch.from_numpy(intent_matrix())).eval()


def trained_classifier(checkpoint: Path) -> Classifier:
    """Return a classifier from a checkpoint of `whatsit train` or the shipped one.

    Raises:
        InvalidInput: there is none.
        Damaged: it is no checkpoint of a classifier.
    """
    network = load_network("classifier", checkpoint).module.get_submodule("network")
    assert isinstance(network, Classifier)
    return network.eval()


class ActivationFinder:
    """Finder of the one object of a picture.

    Args:
        network: a classifier in evaluation mode.
        size: input side in pixels; maps are finer than at 224, at a scale that the network still knows.
        tail: share of the map's mass that lies beyond each side of the box.
        origin: of the boxes.
    """

    def __init__(self, network: Classifier, size: int = SIZE, tail: float = TAIL, origin: str = "activation") -> None:
        self._network, self._size, self._tail, self._origin = network, size, tail, origin

    def find(self, pixels: npt.NDArray[np.uint8], tag: str | None = None) -> Box:
        """Box the object of a tag.

        Args:
            pixels: RGB uint8 [H, W, 3].
            tag: one of `TAGS`, where it is known; None takes the classifier's own best.

        Returns:
            A box named after the tag, scored with the classifier's probability of it.
        """
        heat, found, score = self.heat(pixels, tag)
        height, width = pixels.shape[:2]
        return Box.of_corners(mass_box(heat, width, height, self._tail), found, score=score, origin=self._origin)

    def heat(self, pixels: npt.NDArray[np.uint8], tag: str | None = None) -> tuple[npt.NDArray[np.float32], str, float]:
        """Return the non-negative map f32 [h, w], its tag and the tag's probability."""
        with torch.no_grad():
            tags = self._network(_both_ways(pixels, IMAGE_SIZE))["tag"].softmax(dim=1).mean(dim=0)
            maps = self._network.backbone(_both_ways(pixels, self._size)).float()
        features = pooled(maps).mean(dim=0, keepdim=True).requires_grad_()
        classes = self._network.imagenet(features)
        number = int(tags.argmax()) if tag is None else TAGS.index(tag)
        members = self._network.class_tags[:, number] > 0
        shown = classes[0, members].logsumexp(dim=0) if tag is not None and members.any() else classes.max()
        (weight,) = torch.autograd.grad(shown, features)
        both = torch.einsum("k,nkhw->nhw", weight[0], maps)
        heat = ((both[0] + both[1].flip(1)) / 2).clamp(min=0)
        return heat.numpy(), TAGS[number], round(float(tags[number]), 4)


def activation_finder(classifier: Path | None, weights: Path, threads: int = 1) -> ActivationFinder:
    """Open a classifier's checkpoint, else the ImageNet network.

    Raises:
        InvalidInput: the file is missing.
        Damaged: it is of another network.
    """
    torch.set_num_threads(threads)
    return ActivationFinder(trained_classifier(classifier) if classifier else imagenet_classifier(weights))


def mass_box(heat: npt.NDArray[np.float32], width: int, height: int, tail: float) -> tuple[float, float, float, float]:
    """Return the box of a map's mass.

    Args:
        heat: f32 [h, w], 0 or more; a map of zeros counts as even.
        width: of the picture that the map covers, pixels; `height` too.
        tail: share of the mass beyond each side, 0..0.5.

    Returns:
        x1, y1, x2, y2 in pixels.
    """
    fine = np.maximum(cv2.resize(heat, (_FINE, _FINE), interpolation=cv2.INTER_CUBIC), 0)
    if not fine.any():
        fine = np.ones_like(fine)
    sides = []
    for axis, length in ((0, width), (1, height)):
        mass = np.cumsum(fine.sum(axis=axis, dtype=np.float64)) / fine.sum(dtype=np.float64)
        low, high = np.searchsorted(mass, [tail, 1 - tail])
        sides.append((low / _FINE * length, (min(high, _FINE - 1) + 1) / _FINE * length))
    (x1, x2), (y1, y2) = sides
    return float(x1), float(y1), float(x2), float(y2)


def _both_ways(pixels: npt.NDArray[np.uint8], size: int) -> Tensor:
    """Return the picture and its mirror image as network input f32 [2, 3, size, size]."""
    square = crop_resize(pixels, None, size).astype(np.float32)
    return (torch.from_numpy(np.stack([square, square[:, :, ::-1]])) - 127.5) / 127.5
