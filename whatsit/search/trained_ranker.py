"""The trained ranker of a catalogue: an ONNX file that is taken up when it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from whatsit_client.errors import Damaged, WhatsitError

from whatsit.engines.onnx_runner import OnnxRunner
from whatsit.ranking.learned import FEATURES, Scorer
from whatsit.ranking.matches import Floats

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
        self._path, self._fingerprint = path, fingerprint
        self._seen = self._stamp()
        self._score: Scorer | None = None if self._seen is None else self._load()

    def __call__(self) -> Scorer | None:
        """Features -> probabilities; None without a file. A file that became damaged leaves the old one in use."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._score = None if stamp is None else self._load()
            except WhatsitError as error:
                print(f"The new ranker was refused and the old one stays in use: {error}", flush=True)
        return self._score

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _load(self) -> Scorer | None:
        runner = OnnxRunner(self._path)
        if runner.metadata.get(FEATURES_KEY) != ",".join(FEATURES):
            raise Damaged(
                f"{self._path} is no ranker of this version of Whatsit; run 'whatsit train ranker' again or delete it."
            )
        if runner.metadata.get(EMBEDDER_KEY) not in ("", self._fingerprint):
            print(
                f"{self._path} was trained with another embedder and is not used; run 'whatsit train ranker' again.",
                flush=True,
            )
            return None

        def score(features: Floats) -> Floats:
            return np.asarray(runner.run({"features": features})["confidence"], dtype=np.float32)

        return score
