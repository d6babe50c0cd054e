"""The Grocery Store data set (Klasson et al. 2019): photos of 81 products."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from whatsit_client.errors import InvalidInput

Split = Literal["train", "val"]
T = TypeVar("T")


@dataclass(frozen=True)
class GroceryClass:
    """One of the 81 products.

    Attributes:
        label: 0..80.
        name: for instance "Royal-Gala".
        coarse: the broader class, for instance "Apple".
        department: "Fruit", "Vegetables" or "Packages".
        image: the shop image.
        description: a sentence or two of the shop.
    """

    label: int
    name: str
    coarse: str
    department: str
    image: Path
    description: str

    @property
    def group(self) -> str:
        """Return the group that figures are reported for."""
        return "packages" if self.department == "Packages" else "fruit and vegetables"


class GroceryStore:
    """Val photos as queries and 81 shop images as gallery; hits share the class.

    Args:
        folder: `grocery_store` with classes.csv, train.txt and val.txt.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.classes = _read_classes(folder)

    def queries(self, split: Split = "val") -> list[Path]:
        """Return the photos of a split, in the order of its file."""
        return [path for path, _ in self._photos(split)]

    def truth(self, split: Split = "val") -> list[int]:
        """Return the class label of each photo of `queries`."""
        return [label for _, label in self._photos(split)]

    def photos(self, split: Split = "val", limit: int | None = None) -> list[tuple[Path, GroceryClass]]:
        """Return photos with their classes, evenly spread where `limit` is given."""
        return evenly_spread([(path, self.classes[label]) for path, label in self._photos(split)], limit)

    def gallery(self) -> list[GroceryClass]:
        """Return the 81 classes with their shop images, by label."""
        return self.classes

    def check(self) -> None:
        """Make sure that every file is there.

        Raises:
            InvalidInput: names the first that is not.
        """
        for path in [*self.queries("train"), *self.queries("val"), *(c.image for c in self.classes)]:
            if not path.is_file():
                raise InvalidInput(f"The grocery data set lacks {path}: copy the whole folder again.")

    def _photos(self, split: Split) -> list[tuple[Path, int]]:
        rows = _read(self.folder / f"{split}.txt").splitlines()
        fields = [row.split(",") for row in rows if row.strip()]
        return [(self.folder / path.strip(), int(label)) for path, label, *_ in fields]


def evenly_spread(things: list[T], limit: int | None) -> list[T]:
    """Return at most `limit` evenly spread elements; all where it is None."""
    return things if limit is None else things[:: max(1, len(things) // limit)][:limit]


def _read_classes(folder: Path) -> list[GroceryClass]:
    classes = []
    for row in csv.DictReader(_read(folder / "classes.csv").splitlines()):
        image = row["Iconic Image Path (str)"].lstrip("/")
        description = folder / row["Product Description Path (str)"].lstrip("/")
        classes.append(
            GroceryClass(
                label=int(row["Class ID (int)"]),
                name=row["Class Name (str)"],
                coarse=row["Coarse Class Name (str)"],
                department=Path(image).parts[1],
                image=folder / image,
                description=description.read_text(encoding="utf-8").strip() if description.is_file() else "",
            )
        )
    return sorted(classes, key=lambda c: c.label)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: pass --data with the folder that holds grocery_store.") from error
