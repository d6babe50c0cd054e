"""The served catalogues that have visual words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whatsit_client.errors import WhatsitError

from whatsit.catalogue.layout import Layout
from whatsit.index.current_generation import GENERATIONS, current
from whatsit.index.visual_words import TREE
from whatsit.serving.environment import served_catalogues


class WordCatalogues:
    """Say of a served catalogue whether its current generation has visual words."""

    def __init__(self) -> None:
        self._served: Callable[[], dict[str, Path]] | None = None

    def __call__(self, name: str | None) -> bool:
        """Return whether the catalogue, the default one without a name, has visual words.

        One that cannot be read has none: the step that searches it says so.
        """
        try:
            if self._served is None:
                self._served = served_catalogues()
            folders = self._served()
            folder = next(iter(folders.values()), None) if name is None else folders.get(name)
            generation = None if folder is None else current(Layout(folder).index)
        except WhatsitError:
            return False
        if folder is None or generation is None:
            return False
        return (Layout(folder).index / GENERATIONS / generation / TREE).is_file()
