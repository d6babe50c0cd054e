"""The small clothing data set (Grigorev): photos of garments in ten classes."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import InvalidInput


class Clothing:
    """Validation photos as queries and train photos as gallery; hits share the class.

    Args:
        folder: `clothing_small` with train/<class>/*.jpg and validation/<class>/*.jpg.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.classes = sorted(p.name for p in (folder / "train").glob("*") if p.is_dir())

    def queries(self) -> list[Path]:
        """Return the validation photos."""
        return [path for path, _ in self._photos("validation")]

    def truth(self) -> list[int]:
        """Return the class of each query, 0..9 by name."""
        return [label for _, label in self._photos("validation")]

    def gallery(self) -> list[Path]:
        """Return the train photos."""
        return [path for path, _ in self._photos("train")]

    def gallery_truth(self) -> list[int]:
        """Return the class of each gallery photo."""
        return [label for _, label in self._photos("train")]

    def check(self) -> None:
        """Make sure that the data is there.

        Raises:
            InvalidInput: it is not.
        """
        if not self.classes or not self.queries():
            raise InvalidInput(f"{self.folder} holds no clothing photos: pass --data with the folder that does.")

    def _photos(self, split: str) -> list[tuple[Path, int]]:
        return [
            (path, label)
            for label, name in enumerate(self.classes)
            for path in sorted((self.folder / split / name).glob("*.jpg"))
        ]
