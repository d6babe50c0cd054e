"""Embedder on a backbone of Hugging Face's transformers, by name."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from whatsit_client.errors import InvalidInput, Unavailable

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE = 224


class PretrainedEmbedder(nn.Module):
    """Pretrained backbone, linear head and L2 norm with the embedder's contract.

    The head is the principal axes of the features of some pictures (`start_head`): the angles of the backbone in
    `dimension` numbers, without training.

    Args:
        name: a model on the Hugging Face hub, such as "facebook/dinov2-small", or a folder of `save_pretrained`.
        dimension: length of the embedding.

    Raises:
        Unavailable: transformers is not installed, or the model can be neither found nor fetched.
        InvalidInput: it takes no pictures, or fewer features than `dimension` come out.
    """

    input_size = SIDE
    output_names = ("embedding",)
    mean: Tensor
    std: Tensor

    def __init__(self, name: str, dimension: int = 128) -> None:
        super().__init__()
        self.backbone = _backbone(name)
        mean, std = _statistics(name)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        with torch.inference_mode():
            width = self.features(torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8)).shape[1]
        if width < dimension:
            raise InvalidInput(f"{name} gives {width} features, too few for {dimension}: choose a larger model.")
        self.head = nn.Linear(width, dimension)

    def features(self, images: Tensor) -> Tensor:
        """Pooled features, f32 [n, width], of uint8 RGB crops [n, 3, 224, 224]."""
        pixels = (images.float() / 255 - self.mean) / self.std
        output = self.backbone(pixel_values=pixels)
        pooled = getattr(output, "pooler_output", None)
        if pooled is None:
            pooled = output.last_hidden_state
            pooled = pooled.mean(dim=(2, 3)) if pooled.ndim == 4 else pooled.mean(dim=1)
        return cast(Tensor, pooled.flatten(1))

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return (f32 [n, dimension],) unit vectors of uint8 RGB crops [n, 3, 224, 224]."""
        return (F.normalize(self.head(self.features(images))),)

    @torch.no_grad()
    def start_head(self, batches: list[Tensor]) -> None:
        """Set the head to principal axes of the features of uint8 [b, 3, 224, 224].

        Raises:
            InvalidInput: there are no more pictures than dimensions.
        """
        features = torch.cat([self.features(batch) for batch in batches])
        count = self.head.out_features
        if len(features) <= count:
            raise InvalidInput(f"{count} axes need more than {count} pictures, but got {len(features)}: pass --data.")
        mean = features.mean(0)
        axes = torch.linalg.svd(features - mean, full_matrices=False).Vh[:count]
        self.head.weight.copy_(axes)
        self.head.bias.copy_(-axes @ mean)


def _backbone(name: str) -> nn.Module:
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError as error:
        raise Unavailable("Backbones by name need transformers: pip install 'whatsit[transformers]'.") from error
    try:
        config = AutoConfig.from_pretrained(name)
        config = getattr(config, "vision_config", config)  # of CLIP, SigLIP and their like, the half that sees
        # Only the plain form of attention can be exported.
        model = AutoModel.from_pretrained(name, config=config, attn_implementation="eager", dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise Unavailable(f"The model {name} can be neither read nor fetched: {str(error).splitlines()[0]}") from error
    if getattr(config, "num_channels", 3) != 3 or not hasattr(config, "num_channels"):
        raise InvalidInput(f"{name} takes no pictures of three channels: choose an image model.")
    return cast(nn.Module, model.eval())


def _statistics(name: str) -> tuple[Any, Any]:
    """Return the model's mean and deviation, else ImageNet's."""
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        settings, _ = ImageProcessingMixin.get_image_processor_dict(name)
    except (OSError, ValueError):
        return _MEAN, _STD
    return settings.get("image_mean") or _MEAN, settings.get("image_std") or _STD
