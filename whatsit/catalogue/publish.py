"""Publishing: the store's vectors become the next generation of the index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store import Store
from whatsit.index import Generation, write_generation

# An index without vectors takes queries of any length; something must stand in its manifest.
EMPTY_DIMENSION = 1


@dataclass(frozen=True)
class Published:
    """What came of publishing.

    Args:
        generation: the current generation now.
        notes: sentences that the catalogue's owner should read; () when all is well.
    """

    generation: Generation
    notes: tuple[str, ...]


def publish(store: Store, root: Path, fingerprint: str | None = None) -> Published:
    """Write all vectors of one embedder as the index's next generation and make it current.

    Args:
        store: the catalogue.
        root: folder of the index.
        fingerprint: the embedder; None for the one that was used last.

    Raises:
        InvalidInput: there are items, but none was embedded by this embedder; or a vector is not of unit length.
        Damaged: the stored vectors do not have one length.
    """
    known = store.fingerprints()
    fingerprint = fingerprint or (known[0] if known else "")
    vectors, numbers = store.vectors(fingerprint)
    items, embedded = store.count(), len(np.unique(numbers))
    if items and not embedded:
        raise InvalidInput(
            f"None of the {items} items in {store.path} was embedded by {fingerprint or 'any embedder'}; "
            "run 'whatsit catalogue add' on your files again."
        )
    notes = []
    if not items:
        notes.append("The catalogue is empty, and so is its index: nothing will be found in it.")
        vectors = np.empty((0, EMPTY_DIMENSION), dtype=np.float32)
    elif embedded < items:
        notes.append(
            f"{items - embedded} of {items} items were embedded by another embedder only and are not in the index; "
            "run 'whatsit catalogue add' on their files again."
        )
    return Published(write_generation(root, vectors, numbers, fingerprint), tuple(notes))
