"""Pseudo-labels: clusters of an embedding learned without labels, as classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from whatsit_client.errors import InvalidInput

from whatsit.training.embedder.mixture import Ingredient
from whatsit.training.embedder.picture_sources import file_key, picture_keys

UNKNOWN = -1


def write_pseudo_labels(
    files: Sequence[Path], vectors: npt.NDArray[np.float32], clusters: int, seed: int, out: Path
) -> None:
    """Cluster the vectors of pictures by k-means and write each picture's cluster.

    Args:
        files: the pictures.
        vectors: of an embedder, f32 [n, d], unit length.
        clusters: how many; no more than there are pictures.
        seed: of the first centres.
        out: an .npz of `keys` (see `picture_keys`), `clusters` int64 [n] and `centres` f32 [clusters, d].
    """
    found = KMeans(min(clusters, len(files)), n_init=2, random_state=seed).fit(vectors)
    keys = np.array([file_key(path) for path in files])
    np.savez(out, keys=keys, clusters=found.labels_.astype(np.int64), centres=found.cluster_centers_)


class PseudoLabels:
    """The clusters of a mixture's pictures.

    Args:
        file: as `write_pseudo_labels` wrote it.
        ingredients: of the mixture, in its order.

    Attributes:
        classes: number of clusters.
        of_picture: int64 [pictures of all sources]; UNKNOWN where the file lacks a picture.

    Raises:
        InvalidInput: there is no such file, or it has none of the pictures.
    """

    def __init__(self, file: Path, ingredients: Sequence[Ingredient]) -> None:
        if not file.is_file():
            raise InvalidInput(f"There are no clusters {file}: `whatsit train moco` writes them beside its best.pt.")
        with np.load(file) as stored:
            number = dict(zip(stored["keys"].tolist(), stored["clusters"].tolist(), strict=True))
        keys = [key for i in ingredients for key in picture_keys(i.source)]
        self.classes = max(number.values()) + 1
        self.of_picture = np.array([number.get(key, UNKNOWN) for key in keys], np.int64)
        if (self.of_picture == UNKNOWN).all():
            raise InvalidInput(f"{file} has clusters of other pictures: run `whatsit train moco` on the same --data.")
