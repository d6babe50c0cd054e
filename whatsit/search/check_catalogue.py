"""The check of a catalogue before a server is started on it."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import Unavailable

from whatsit.catalogue.backends import open_index_view, open_store, store_url
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.milvus.milvus_url import Address
from whatsit.catalogue.serving_pair import serving_fingerprint, serving_network
from whatsit.index.generation import open_generation
from whatsit.search.answer_calibration import Calibration
from whatsit.search.trained_ranker import TrainedRanker


def check_catalogue(folder: Path, model_repository: Path) -> None:
    """Refuse a catalogue that a server could not open, before the server is started.

    Raises:
        Unavailable: nothing was published there.
        Damaged: files do not fit their checksums, or the calibration or the ranker cannot be read.
        InvalidInput: the index was made by another embedder.
    """
    layout = Layout(folder)
    url = store_url(folder)
    if url is None and not layout.store.is_file():
        raise Unavailable(f"There is no catalogue in {folder}: make one with `whatsit catalogue add {folder} SOURCE`.")
    if url is not None and Address.parse(url).is_file:
        raise Unavailable(
            f"A server has several processes and {url} is a file that one may open: start "
            "'milvus-lite server --data-dir FILE' and name milvus://127.0.0.1:19530 in its place."
        )
    Calibration.read(layout.calibration)
    fingerprint = serving_fingerprint(folder, model_repository)
    serving_network(folder, model_repository)
    TrainedRanker(layout.ranker, fingerprint)
    items = open_store(folder, read_only=True)
    try:
        if url is None:
            open_generation(layout.index, fingerprint)
        else:
            open_index_view(items, folder, fingerprint)
    finally:
        items.close()
