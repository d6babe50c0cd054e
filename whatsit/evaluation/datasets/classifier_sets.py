"""Evaluation sets of the classifier; no picture of them is trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.taxonomy import TAG_TOPIC

from whatsit.evaluation.datasets.drawn_pictures import draw_pictures
from whatsit.evaluation.datasets.imagenet_tags import intent_matrix, tag_matrix, topic_matrix
from whatsit.evaluation.datasets.labelled_pictures import read_rgb
from whatsit.evaluation.datasets.tagged_pictures import TaggedPicture, read_clothing, read_grocery, read_imagenet
from whatsit.evaluation.metrics.classification import auc, false_accepts, gate_figures, source_accuracy, tag_figures
from whatsit.rendering.mockups import compose_advertisement, compose_screenshot
from whatsit.vision.crop import crop_resize

FloatArray = npt.NDArray[np.float32]
Classify = Callable[[npt.NDArray[np.uint8]], Mapping[str, FloatArray]]
"""uint8 [n, 3, 224, 224] -> intent [n, 3], topic [n, 9], tag [n, 42] and perhaps source [n, 3], all f32."""

Feeds = Mapping[str, npt.NDArray[np.generic]]

DRAWN_SEED = 500
_SCENES = "imagenet held out"
_GATE = {"grocery val": True, "clothing val": True, _SCENES: False}
"""Sets of the gate's figures: of these the pictures with goods (True) or without (False)."""
_COMPOSED_SEED = 77


@dataclass(frozen=True)
class EvaluationSet:
    """Pictures of one row of the report.

    Args:
        name: e.g. "grocery val".
        pictures: with their truth.
        sources: "photo", "advertisement" or "screenshot" of each; what is not a photo is composed around the picture.
    """

    name: str
    pictures: Sequence[TaggedPicture]
    sources: Sequence[str]

    def views(self) -> npt.NDArray[np.uint8]:
        """Return network inputs, uint8 [N, 3, 224, 224]."""
        made = []
        for index, (picture, source) in enumerate(zip(self.pictures, self.sources, strict=True)):
            pixels = read_rgb(picture.path)
            if source != "photo":
                rng = np.random.default_rng([_COMPOSED_SEED, index])
                neighbour = read_rgb(self.pictures[(index + 1) % len(self.pictures)].path)
                compose = compose_screenshot if source == "screenshot" else compose_advertisement
                pixels = compose([pixels, neighbour], rng)
            made.append(crop_resize(pixels))
        return np.stack(made)


def evaluation_sets(data: Path, drawn: Path | None = None) -> list[EvaluationSet]:
    """Return the sets of the report: photos, compositions and, with `drawn`, drawings.

    Args:
        data: the folder that holds grocery_store, clothing_small and imagenet_sample.
        drawn: a folder to keep drawn pictures in; None leaves them out.

    Raises:
        InvalidInput: a data set is not there.
    """
    grocery = read_grocery(data / "grocery_store", "val")
    clothing = read_clothing(data / "clothing_small", "validation")
    scenes = read_imagenet(data / "imagenet_sample", held_out=True)
    mixed = [*grocery[::3], *clothing[::3], *scenes]
    kinds = ["advertisement" if index % 2 else "screenshot" for index in range(len(mixed))]
    sets = [_photos("grocery val", grocery), _photos("clothing val", clothing), _photos(_SCENES, scenes)]
    sets.append(EvaluationSet("composed", mixed, kinds))
    if drawn is not None:
        sets.append(_photos("drawn goods", draw_pictures(drawn, 80, DRAWN_SEED)))
    return sets


def run_classifier(
    classify: Classify, sets: Sequence[EvaluationSet], batch: int = 16
) -> dict[str, dict[str, FloatArray]]:
    """Run a classifier over the sets; outputs by set and name."""
    found: dict[str, dict[str, FloatArray]] = {}
    for judged in sets:
        views = judged.views()
        parts = [classify(views[at : at + batch]) for at in range(0, len(views), batch)]
        found[judged.name] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return found


def score_classifier(
    found: Mapping[str, Mapping[str, FloatArray]], sets: Sequence[EvaluationSet]
) -> dict[str, dict[str, float]]:
    """Score the outputs of `run_classifier`.

    Returns:
        By set: the gate's, the source's and the tags' figures; under "gate" AUC and false accepts of the goods in
        grocery and clothing photos against the held-out ImageNet photos that show none.
    """
    figures: dict[str, dict[str, float]] = {}
    for judged in sets:
        outputs = found[judged.name]
        truth = [picture.intent for picture in judged.pictures]
        tags = [picture.tag for picture in judged.pictures]
        figures[judged.name] = {
            "pictures": float(len(truth)),
            **gate_figures(outputs["intent"], truth),
            **({"source": source_accuracy(outputs["source"], judged.sources)} if "source" in outputs else {}),
            **tag_figures(outputs, tags, [TAG_TOPIC[tag] for tag in tags]),
        }
    scores, goods = gate_scores(found, sets)
    figures["gate"] = {"auc": auc(scores, goods), "false_accepts_95": false_accepts(scores, goods)}
    return figures


def gate_scores(
    found: Mapping[str, Mapping[str, FloatArray]], sets: Sequence[EvaluationSet]
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return the gate's scores f32 [N] (1 - P(other)) and bool [N], True for goods.

    Goods are those of the grocery and clothing photos; the others are the held-out ImageNet photos that show none.
    """
    wanted, sought = [], []
    for judged in sets:
        if judged.name in _GATE:
            goods = np.array([picture.intent != "other" for picture in judged.pictures])
            keep = goods == _GATE[judged.name]
            wanted.append(1 - found[judged.name]["intent"][keep, -1])
            sought.append(goods[keep])
    return np.concatenate(wanted), np.concatenate(sought)


def frozen_classifier(run: Callable[[Feeds], Mapping[str, npt.NDArray[np.generic]]]) -> Classify:
    """Return the ImageNet network as a classifier, without sources.

    Its classes are summed into tags, topics and intents.

    Args:
        run: of `mobilenet_v2_1.0_224_float.onnx`.
    """
    tags, topics, intents = tag_matrix(), topic_matrix(), intent_matrix()

    def classify(images: npt.NDArray[np.uint8]) -> dict[str, FloatArray]:
        # One by one: the file's input batch is free, but large float batches only cost memory.
        probs = [run({"images": (image[None].astype(np.float32) - 127.5) / 127.5})["probs"] for image in images]
        stacked = np.concatenate(probs).astype(np.float32)
        tag = stacked @ tags
        return {"intent": stacked @ intents, "topic": tag @ topics, "tag": tag}

    return classify


def served_classifier(run: Callable[[Feeds], Mapping[str, npt.NDArray[np.generic]]]) -> Classify:
    """Return a served network as a classifier.

    Args:
        run: of the file: `images` uint8 [n, 3, 224, 224] -> the contract's outputs.
    """
    return lambda images: {name: scores.astype(np.float32) for name, scores in run({"images": images}).items()}


def agreement(
    ours: Mapping[str, Mapping[str, FloatArray]], frozen: Mapping[str, Mapping[str, FloatArray]]
) -> dict[str, float]:
    """Return the share of photos with the same best tag, by set of photos.

    The held-out ImageNet photos count: the teacher knows their classes. Tags of groceries and garments differ from the
    teacher's on purpose.
    """
    names = [name for name in (*_GATE,) if name in ours]
    return {
        name: float((ours[name]["tag"].argmax(axis=1) == frozen[name]["tag"].argmax(axis=1)).mean()) for name in names
    }


def _photos(name: str, pictures: Sequence[TaggedPicture]) -> EvaluationSet:
    return EvaluationSet(name, pictures, ["photo"] * len(pictures))
