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
UNSURE = 0.25
SHOWN = 3

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AnswerModel:
    """Logistic regressions, for pictures and for regions by themselves.

    With x the features less `mean`, divided by `scale` and clipped to `LIMIT` standard deviations, the logits of a
    picture are x @ weights + bias: of "the first match is right" and of "the right item is among the first three".
    Those of a region, judged as if it were all of the picture, have weights of their own. Calibration (Platt 1999)
    maps a logit l to slope * l + offset.

    Args:
        mean: f64 [F].
        scale: f64 [F].
        weights: f64 [F, 2].
        bias: f64 [2].
        region_weights: f64 [F, 2].
        region_bias: f64 [2].
        slope: above 0.
        offset: added to both logits.
    """

    mean: Doubles
    scale: Doubles
    weights: Doubles
    bias: Doubles
    region_weights: Doubles
    region_bias: Doubles
    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, features: Floats, more: Doubles | float = 0.0, alone: bool = False) -> tuple[Floats, Floats]:
        """Return both probabilities of each row, f32 [N].

        The second is never below the first.

        Args:
            features: f32 [N, F], see `answer_features`.
            more: logits of further evidence of each row, f64 [N].
            alone: whether each row is a region by itself.
        """
        x = np.clip((features.astype(np.float64) - self.mean) / self.scale, -LIMIT, LIMIT)
        weights, bias = (self.region_weights, self.region_bias) if alone else (self.weights, self.bias)
        logits = self.slope * (x @ weights + bias) + self.offset
        first, shown = logistic(logits[:, 0] + more), logistic(logits[:, 1] + more)
        return first.astype(np.float32), np.maximum(first, shown).astype(np.float32)

    def write(self, path: Path) -> None:
        """Replace the file; a reader sees the old or the new one."""
        record: dict[str, Any] = {"format": FORMAT, "features": ANSWER_FEATURES}
        record |= {name: np.round(getattr(self, name), 6).tolist() for name in _ARRAYS}
        record |= {"slope": self.slope, "offset": self.offset}
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
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
            arrays = {name: np.asarray(known[name], np.float64) for name in _ARRAYS}
            return cls(**arrays, slope=float(known["slope"]), offset=float(known["offset"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(f"The answer model {path} cannot be read ({error}): install the package again.") from error


# Evidence beyond what was trained on counts as the most extreme known.
LIMIT = 4.0
_ARRAYS = ("mean", "scale", "weights", "bias", "region_weights", "region_bias")


def logistic(logits: Doubles) -> Doubles:
    """Return probabilities of logits, f64."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0))), dtype=np.float64)


def logit(probabilities: npt.NDArray[np.floating[Any]]) -> Doubles:
    """Return logits of probabilities, f64; 0 and 1 count as 0.0001 and 0.9999."""
    clipped = np.clip(np.asarray(probabilities, np.float64), 1e-4, 1.0 - 1e-4)
    return np.log(clipped / (1.0 - clipped))
