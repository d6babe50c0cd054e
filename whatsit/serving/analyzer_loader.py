"""The networks of the model `catalogue`, loaded once for all catalogues."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from whatsit_client.errors import WhatsitError

from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer


class AnalyzerLoader:
    """Loads the networks in a thread.

    Args:
        model_repository: of the networks.
    """

    def __init__(self, model_repository: Path) -> None:
        self._model_repository = model_repository
        self._lock = threading.Lock()
        self._loading: Future[PictureAnalyzer] | None = None

    def start(self) -> Future[PictureAnalyzer]:
        """Start loading, where that was not done."""
        with self._lock:
            if self._loading is None:
                loader = ThreadPoolExecutor(1)
                self._loading = loader.submit(PictureAnalyzer, self._model_repository)
                loader.shutdown(wait=False)
            return self._loading

    def __call__(self) -> PictureAnalyzer:
        """Return the networks, once they are loaded.

        Raises:
            WhatsitError: they cannot be loaded.
        """
        loading = self.start()
        try:
            return loading.result()
        except WhatsitError:
            self._loading = None  # what is missing may be there next time
            raise
