"""Model of an answer: the probability that a region's first match is right."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged

from whatsit.ranking.answer_features import ANSWER_FEATURES
from whatsit.ranking.matches import Floats

FORMAT = 1
# A region whose first match is right with this probability has it as its answer.
FOUND = 0.5
# Below it a region whose right item is among its first `SHOWN` with this probability shows them side by side.
UNSURE = 0.5
SHOWN = 3

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AnswerModel:
    """A network of one hidden layer with two outputs.

    With x the features less `mean`, divided by `scale` and clipped to `limit` standard deviations, and h the rectified
    hidden layer, the outputs are the logits of "the first match is right" and "the right item is among the first
    three". Calibration (Platt 1999) maps a logit l to slope * l + offset.

    Args:
        mean: f64 [F].
        scale: f64 [F].
        hidden: f64 [F, H].
        hidden_bias: f64 [H].
        out: f64 [H, 2].
        out_bias: f64 [2].
        slope: above 0, of the first output.
        offset: of the first output.
        limit: standard deviations; evidence beyond what was trained on counts as the most extreme known.
    """

    mean: Doubles
    scale: Doubles
    hidden: Doubles
    hidden_bias: Doubles
    out: Doubles
    out_bias: Doubles
    slope: float = 1.0
    offset: float = 0.0
    limit: float = 4.0

    def __call__(self, features: Floats) -> tuple[Floats, Floats]:
        """Return both probabilities of each row, f32 [N].

        Args:
            features: f32 [N, F], see `answer_features`.
        """
        logits = self.logits(features)
        first = _logistic(self.slope * logits[:, 0] + self.offset)
        shown = _logistic(logits[:, 1])
        return first.astype(np.float32), np.maximum(first, shown).astype(np.float32)

    def logits(self, features: Floats) -> Doubles:
        """Return the logits of both outputs before calibration, f64 [N, 2]."""
        x = np.clip((features.astype(np.float64) - self.mean) / self.scale, -self.limit, self.limit)
        hidden = np.maximum(x @ self.hidden + self.hidden_bias, 0.0)
        return np.asarray(hidden @ self.out + self.out_bias, dtype=np.float64)

    def write(self, path: Path) -> None:
        """Replace the file; a reader sees the old or the new one."""
        arrays = {name: np.round(getattr(self, name), 6).tolist() for name in _ARRAYS}
        numbers = {name: round(float(getattr(self, name)), 6) for name in ("slope", "offset", "limit")}
        record = {"format": FORMAT, "features": ANSWER_FEATURES, **numbers, **arrays}
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(record) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def read(cls, path: Path) -> AnswerModel:
        """Read a model.

        Raises:
            Damaged: the file is missing, cannot be read, or was made for other features.
        """
        try:
            known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if known["format"] != FORMAT or tuple(known["features"]) != ANSWER_FEATURES:
                raise Damaged(f"{path} is no answer model of this version: install the package again.")
            arrays = [np.asarray(known[name], dtype=np.float64) for name in _ARRAYS]
            return cls(*arrays, float(known["slope"]), float(known["offset"]), float(known["limit"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(f"The answer model {path} cannot be read ({error}): install the package again.") from error


_ARRAYS = ("mean", "scale", "hidden", "hidden_bias", "out", "out_bias")


def _logistic(values: Doubles) -> Doubles:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0))), dtype=np.float64)
