"""Custom training data: the recipe section and its file formats."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field
from whatsit_client.errors import InvalidInput

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
VALIDATE_EVERY = 5
"""Every fifth picture (of a product, where it has enough) is held out where the data names no split."""

Thing = TypeVar("Thing")


class CustomData(BaseModel):
    """Recipe section `custom`; paths are relative to the working folder.

    Which fields apply depends on the network: the embedder takes `photos` or `csv`, the classifier `csv`, the detector
    `coco` with `images`, and `crops`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    photos: Path | None = Field(None, description="Folder with a sub-folder of pictures for each product.")
    csv: Path | None = Field(None, description="Table with a column `image`, relative to the table, and labels.")
    coco: Path | None = Field(None, description="COCO JSON with boxes.")
    images: Path | None = Field(None, description="Folder that the file names in `coco` are relative to.")
    crops: Path | None = Field(None, description="Folder that `whatsit label crops` wrote: boxes with weights.")
    share: float = Field(1.0, gt=0, le=1, description="Part of each batch; the rest comes from the built-in data sets.")

    @property
    def alone(self) -> bool:
        """Whether custom data trains without the built-in data sets."""
        return self.share == 1


def custom_data(share: float, **paths: Path | None) -> CustomData | None:
    """Return the custom data of a command line, None without any of its options.

    Args:
        share: of custom data in each batch.
        paths: `photos`, `csv`, `coco`, `images`, `crops`; None where the option was not given.
    """
    given = {name: path for name, path in paths.items() if path is not None}
    return CustomData.model_validate({**given, "share": share}) if given else None


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Args:
        image: the picture file.
        values: the other columns, stripped; what is missing is "".
        split: "train", "val" or "" where the table does not say.
        where: file and line, for messages.
    """

    image: Path
    values: dict[str, str]
    split: str
    where: str


def read_table(file: Path, needed: Sequence[str]) -> list[Row]:
    """Read a table of pictures.

    Args:
        file: CSV with a header; `image` is relative to the file, `split` (train or val) is optional.
        needed: columns that must be there besides `image`.

    Raises:
        InvalidInput: the file or a picture is missing, a column is missing, or there are no rows.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or ()
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"The table {file} cannot be read: pass a CSV file in UTF-8.") from error
    if missing := [name for name in ("image", *needed) if name not in columns]:
        raise InvalidInput(f"The table {file} has no column '{missing[0]}': it needs {', '.join(('image', *needed))}.")
    rows = []
    for number, line in enumerate(lines, start=2):
        values = {name: (line.get(name) or "").strip() for name in columns}
        image, where = file.parent / values.pop("image"), f"{file}, line {number}"
        if not image.is_file():
            raise InvalidInput(
                f"{where}: there is no picture {image}: correct the path, which is relative to the table."
            )
        split = values.pop("split", "").lower()
        if split not in {"", "train", "val"}:
            raise InvalidInput(f"{where}: the split '{split}' is not known: write train or val, or leave it empty.")
        rows.append(Row(image, values, split, where))
    if not rows:
        raise InvalidInput(f"The table {file} has no rows: write a line for each picture.")
    return rows


def read_folders(folder: Path) -> list[tuple[Path, str]]:
    """List the pictures of a folder that holds a sub-folder for each product.

    Returns:
        Path and product of each picture, sorted.

    Raises:
        InvalidInput: there are not two sub-folders with pictures.
    """
    found = [
        (path, sub.name)
        for sub in (sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else [])
        for path in sorted(sub.rglob("*"))
        if path.suffix.lower() in _SUFFIXES
    ]
    if len({name for _, name in found}) < 2:
        raise InvalidInput(
            f"{folder} does not hold at least two sub-folders with pictures: put the photos of each product into a "
            "folder of its own."
        )
    return found


def hold_out(things: Sequence[Thing], every: int = VALIDATE_EVERY) -> tuple[list[Thing], list[Thing]]:
    """Split a sequence: the last of every `every` is held out.

    Returns:
        What trains and what validates; nothing validates of fewer than `every`.
    """
    kept = [thing for number, thing in enumerate(things) if number % every != every - 1]
    return kept, list(things[every - 1 :: every])
