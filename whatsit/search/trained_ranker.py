"""Trained ranker of a catalogue: an ONNX file, reloaded when it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from whatsit_client.errors import Damaged

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.ranking.learned import FEATURES, Scorer
from whatsit.ranking.matches import Floats
from whatsit.search.watched_file import WatchedFile

# In the file's metadata: a ranker that was trained on other features must not be asked.
FEATURES_KEY = "features"
EMBEDDER_KEY = "embedder"


class TrainedRanker:
    """Follows a ranker's file: a new one counts from the next call.

    Args:
        path: the file, which need not be there.
        fingerprint: of the embedder in use; a ranker trained with another one does not count, for scores mean something
            else then.

    Raises:
        Damaged: the file is there and is no ranker of this version.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._file: WatchedFile[Scorer] = WatchedFile(path, self._load, "ranker")

    def __call__(self) -> Scorer | None:
        """Return the function features -> probabilities; None without a file."""
        return self._file()

    def _load(self, path: Path) -> Scorer | None:
        runner = OnnxRunner(path)
        if runner.metadata.get(FEATURES_KEY) != ",".join(FEATURES):
            raise Damaged(
                f"{path} is no ranker of this version of Whatsit; run 'whatsit train ranker' again or delete it."
            )
        if runner.metadata.get(EMBEDDER_KEY) not in ("", self._fingerprint):
            print(
                f"{path} was trained with another embedder and is not used; run 'whatsit train ranker' again.",
                flush=True,
            )
            return None

        def score(features: Floats) -> Floats:
            return np.asarray(runner.run({"features": features})["confidence"], dtype=np.float32)

        return score
