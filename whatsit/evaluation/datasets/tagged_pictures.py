"""Photos whose intent and tag are known from the data set they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.imagenet_tags import class_intents, class_tags, tag_intent

HOLD_OUT_EVERY = 5
"""Of imagenet_sample, sorted by file name, every fifth picture (index % 5 == 4) is kept out of training."""

_CITRUS = {"Lemon", "Lime", "Orange", "Red-Grapefruit", "Satsumas"}
_ROOTS = {"Carrots", "Garlic", "Ginger", "Onion", "Potato", "Red-Beet"}
_GARMENTS = {
    "dress": "dress",
    "hat": "hat",
    "longsleeve": "long sleeve",
    "outwear": "outerwear",
    "pants": "trousers",
    "shirt": "top",
    "shoes": "shoes",
    "shorts": "shorts",
    "skirt": "skirt",
    "t-shirt": "top",
}


@dataclass(frozen=True)
class TaggedPicture:
    """A picture file with its intent and tag.

    Args:
        path: of the picture.
        group: the data set, such as "grocery".
        intent: one of `INTENTS`.
        tag: one of `TAGS`.
    """

    path: Path
    group: str
    intent: str
    tag: str


def read_grocery(folder: Path, split: str) -> list[TaggedPicture]:
    """Read photos of grocery_store's "train" or "val".

    Raises:
        InvalidInput: they are not there.
    """
    files = sorted((folder / split).rglob("*.jpg"))
    return _found(folder, [_goods(path, _grocery_tag(path.relative_to(folder / split))) for path in files])


def read_grocery_shop(folder: Path) -> list[TaggedPicture]:
    """Read the 81 clean shop images of grocery_store.

    Raises:
        InvalidInput: they are not there.
    """
    root = folder / "iconic-images-and-descriptions"
    files = sorted(root.rglob("*.jpg"))
    return _found(folder, [_goods(path, _grocery_tag(path.relative_to(root))) for path in files])


def read_clothing(folder: Path, split: str) -> list[TaggedPicture]:
    """Read photos of clothing_small's "train" or "validation".

    Raises:
        InvalidInput: they are not there.
    """
    files = sorted((folder / split).rglob("*.jpg"))
    tagged = [
        TaggedPicture(p, "clothing", "apparel", _GARMENTS[p.parent.name]) for p in files if p.parent.name in _GARMENTS
    ]
    return _found(folder, tagged)


def read_imagenet(folder: Path, held_out: bool) -> list[TaggedPicture]:
    """Read imagenet_sample, one photo of each class: the training or held-out part.

    Raises:
        InvalidInput: it is not there, or not one photo of each class.
    """
    files = sorted(folder.glob("*.*"))
    files = [path for path in files if path.suffix.lower() in {".jpg", ".jpeg", ".png"}]
    if len(files) != len(class_tags()) - 1:
        raise InvalidInput(
            f"{folder} should hold one photo of each of ImageNet's 1000 classes, but holds {len(files)}."
        )
    tagged = []
    for index, path in enumerate(files):
        tag, intent = class_tags()[index + 1], class_intents()[index + 1]
        if tag is not None and intent is not None and (index % HOLD_OUT_EVERY == HOLD_OUT_EVERY - 1) == held_out:
            tagged.append(TaggedPicture(path, "imagenet", intent, tag))
    return tagged


def _goods(path: Path, tag: str) -> TaggedPicture:
    return TaggedPicture(path, "grocery", tag_intent(tag), tag)


def _grocery_tag(inside: Path) -> str:
    """Return the tag of a path such as Fruit/Apple/Golden-Delicious/X_001.jpg."""
    kind, coarse = inside.parts[0], inside.parts[1]
    if kind == "Packages":
        return "juice and drinks" if coarse == "Juice" else "milk and dairy"
    if kind == "Fruit":
        return "citrus" if coarse in _CITRUS else "fruit"
    if "Mushroom" in coarse:
        return "mushroom"
    return "root and bulb" if coarse in _ROOTS else "vegetable"


def _found(folder: Path, pictures: list[TaggedPicture]) -> list[TaggedPicture]:
    if not pictures:
        raise InvalidInput(f"There are no pictures in {folder}; pass --data with the folder that holds the data sets.")
    return pictures
