"""Weight interpolation of start and end (WiSE-FT, Wortsman et al. 2022).

What fine-tuning on few classes forgets about all others comes back, at little cost on those classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from whatsit.training.common import run_checkpoint as checkpoint

TRAINED = "trained.pt"


def wise_ft(start: Mapping[str, Tensor], trained: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Interpolate weights: share * trained + (1 - share) * start.

    Tensors that only `trained` names stay as they are.

    Args:
        start: state dict before training.
        trained: state dict after training.
        share: 0..1, 1 is all trained.
    """
    return {
        name: start[name].lerp(value, share) if name in start and value.is_floating_point() else value
        for name, value in trained.items()
    }


def apply_wise_ft(out: Path, start: Mapping[str, Tensor], share: float) -> None:
    """Replace best.pt by the interpolated weights and keep trained.pt.

    Args:
        out: the run's folder.
        start: state dict before training.
        share: of the trained weights, 0..1.
    """
    best = checkpoint.load(out / checkpoint.BEST)
    if "blend" not in best:
        checkpoint.save(out / TRAINED, best)
        mixed = wise_ft(start, best["module"], share)
        checkpoint.save(out / checkpoint.BEST, {**best, "module": mixed, "blend": share})
