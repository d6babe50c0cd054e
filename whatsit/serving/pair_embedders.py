"""Embedders of a catalogue whose vectors each change writes."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import WhatsitError

from whatsit.catalogue.ingest.embed_again import RegionEmbedder
from whatsit.catalogue.item import Vector
from whatsit.catalogue.serving_pair import PAIRS, kept_network, read_pair_file
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.search.watched_file import WatchedFile


class PairEmbedders:
    """Follows the pairs of a catalogue.

    Args:
        folder: of the catalogue.
        model_repository: whose embedder makes the vectors that `vectors` is given.
    """

    def __init__(self, folder: Path, model_repository: Path) -> None:
        self._folder = folder
        self._own = embedder_fingerprint(model_repository / "embedder" / "1" / "model.onnx")
        self._pair = WatchedFile(folder / PAIRS, read_pair_file, "pair of embedders")
        self._opened: dict[tuple[str, bool], RegionEmbedder] = {}

    def vectors(self, image: bytes, own: tuple[Vector, ...], views: bool = False) -> dict[str, tuple[Vector, ...]]:
        """Return a picture's vectors by each kept embedder, the serving one first.

        One beside that fails is left out: the roll-out embeds the picture later.

        Args:
            image: encoded.
            own: the vectors by the model repository's embedder.
            views: whether the catalogue embeds several views of a picture.

        Raises:
            WhatsitError: the embedder that serves fails.
        """
        pair = self._pair()
        if pair is None:
            return {self._own: own}
        found: dict[str, tuple[Vector, ...]] = {}
        for fingerprint in pair.kept:
            if fingerprint == self._own:
                found[fingerprint] = own
                continue
            try:
                if (fingerprint, views) not in self._opened:
                    self._opened[fingerprint, views] = RegionEmbedder(kept_network(self._folder, fingerprint), views)
                found[fingerprint] = self._opened[fingerprint, views](image, own)
            except WhatsitError as error:
                if fingerprint == pair.serving:
                    raise
                print(f"A picture is left to the roll-out: {error}", flush=True)
        for gone in self._opened.keys() - {(fingerprint, views) for fingerprint in pair.kept}:
            del self._opened[gone]
        return found
