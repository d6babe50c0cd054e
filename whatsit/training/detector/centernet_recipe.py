"""Recipe of the scan network: `training:` of `build/scan.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from whatsit.training.detector.recipe import DetectorRecipe


class ScanRecipe(DetectorRecipe):
    """The `training:` section of the scan network's recipe.

    It shares the detector's fields: the backbone is csp_nano, or mobilenet_v2 at `width`; `channels` and `depth` are
    not used.
    """

    width: float = Field(0.75, ge=0.5, le=0.75, multiple_of=0.25, description="Of mobilenet_v2, 0.5 or 0.75.")
    stride: Literal[4, 8] = Field(8, description="Pixels per cell of the maps.")
    kernel: int = Field(7, ge=3, le=31, description="Side of the large depthwise kernels, odd.")
    deformable: bool = Field(default=False, description="Put a deformable convolution at stride 16.")
    longest: int = Field(384, ge=64, description="Longer side of the cached training pictures, pixels.")
