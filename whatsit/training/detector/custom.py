"""Custom boxes of the detector: COCO JSON and a folder of pictures."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.label_file import LabelFile, read_labels
from whatsit.evaluation.datasets.labelled_pictures import LabelledPicture
from whatsit.models.product_labels import PRODUCTS, UNKNOWN, of_coco, product_label
from whatsit.models.yolox import COCO_NAMES
from whatsit.training.common.custom_data import CustomData, hold_out
from whatsit.training.detector.data import DetectorData
from whatsit.training.detector.recipe import DetectorRecipe

_FEWEST = 5


def label_of(name: str) -> int:
    """Return the product label of a category's name.

    Product classes keep their names and COCO's classes map as in the built-in data. Any other thing is a thing of
    which the class-wise stream learns nothing: it still gets class-free boxes.
    """
    if name in PRODUCTS:
        return product_label(name)
    return of_coco(name) if name in COCO_NAMES else UNKNOWN


def training_pictures(labels: LabelFile, images: Path) -> list[LabelledPicture]:
    """Return the pictures of a label file, sorted by name.

    Raises:
        InvalidInput: a picture is not in the folder.
    """
    pictures = [LabelledPicture.of(p, images / p.file, label_of) for p in sorted(labels.pictures, key=lambda p: p.file)]
    for picture in pictures:
        if not picture.path.is_file():
            raise InvalidInput(
                f"There is no picture {picture.path}: pass --images with the folder that the names in the COCO file "
                "are relative to."
            )
    return pictures


def custom_detector_data(custom: CustomData) -> DetectorData:
    """Read custom boxes; every fifth picture by name validates.

    Beside boxes in `coco`, those of `crops` train only; without, every fifth of their pictures validates.

    Raises:
        InvalidInput: a file is missing, no boxes are in it, or it has fewer than five pictures.
    """
    cropped = [] if custom.crops is None else _cropped(custom.crops)
    if custom.coco is None and custom.crops is None:
        raise InvalidInput(
            "The detector trains on boxes: pass --coco with a COCO JSON file, and --images with its folder."
        )
    if custom.coco is None:
        source, pictures, cropped = custom.crops, cropped, []
    else:
        source, pictures = custom.coco, training_pictures(read_labels(custom.coco), custom.images or custom.coco.parent)
    if len(pictures) < _FEWEST:
        raise InvalidInput(f"{source} holds {len(pictures)} pictures: training needs at least {_FEWEST}.")
    train, validate = hold_out(pictures)
    if not any(len(picture.boxes) for picture in train) or not any(len(picture.boxes) for picture in validate):
        raise InvalidInput(f"{source} has hardly any boxes: label more pictures, for instance by `whatsit label`.")
    return DetectorData({"custom": train + cropped}, [], {"custom": validate})


def _cropped(folder: Path) -> list[LabelledPicture]:
    return training_pictures(read_labels(folder / "labels.json"), folder / "pictures")


def add_built_in(
    custom: DetectorData, built_in: DetectorData | None, recipe: DetectorRecipe, share: float
) -> tuple[DetectorData, dict[str, float]]:
    """Merge custom data with the built-in data sets, if any.

    Returns:
        The data, and the shares of the sources: `share` for custom data, the rest as the recipe divides it.
    """
    if built_in is None:
        return custom, {"custom": 1.0}
    rest = {name: weight for name, weight in recipe.shares.items() if weight > 0 and built_in.sources.get(name)}
    whole = sum(rest.values())
    shares = {"custom": share, **{name: (1 - share) * weight / whole for name, weight in rest.items()}}
    sources, validation = {**built_in.sources, **custom.sources}, {**built_in.validation, **custom.validation}
    return DetectorData(sources, built_in.cutouts, validation), shares
