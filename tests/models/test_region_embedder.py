"""Region embedder: unit vectors that depend on the region, and its distillation."""

from __future__ import annotations

import torch

from whatsit.models.region_embedder import RegionEmbedder, distillation_loss


class Stages(torch.nn.Module):
    """A backbone of pooled maps."""

    def stages(self, x: torch.Tensor) -> dict[int, torch.Tensor]:
        """Return a map for each stride."""
        return {stride: torch.nn.functional.avg_pool2d(x, stride) for stride in (8, 16, 32)}


def test_regions_get_vectors_of_their_own() -> None:
    """Equal regions get equal unit vectors, other regions others, whatever else is in the batch."""
    torch.manual_seed(0)
    network = RegionEmbedder(Stages(), {8: 3, 16: 3, 32: 3}, 8, 16).eval()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    boxes = torch.tensor([[0.0, 0, 64, 64], [8, 8, 40, 40], [0, 0, 64, 64]]).repeat(2, 1, 1)
    with torch.inference_mode():
        vectors, alone = network(images, boxes), network(images[:1], boxes[:1, :2])
    assert vectors.shape == (2, 3, 8)
    torch.testing.assert_close(vectors.norm(dim=2), torch.ones(2, 3))
    torch.testing.assert_close(vectors[:, 0], vectors[:, 2])
    torch.testing.assert_close(vectors[0, :2], alone[0])
    assert float((vectors[:, 0] - vectors[:, 1]).abs().amax(1).min()) > 1e-5


def test_regions_that_are_not_there_do_not_count() -> None:
    """The loss is the mean over those that are there, and zero without any."""
    vectors = torch.tensor([[[1.0, 0], [1, 0], [0, 1]]])
    wanted = torch.tensor([[[1.0, 0], [0, 1], [1, 0]]])
    assert float(distillation_loss(vectors, wanted, torch.tensor([[True, True, False]]))) == 0.5
    assert float(distillation_loss(vectors, wanted, torch.zeros(1, 3, dtype=torch.bool))) == 0
