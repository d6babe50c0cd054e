"""Parts of a catalogue that Milvus does not keep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

Numbers = npt.NDArray[np.int64]


class NoLocal:
    """Milvus keeps no local features."""

    kept = False


class NoText:
    """A catalogue in Milvus is not searched by words."""

    def search(self, text: str, limit: int, allowed: Numbers | None = None) -> Numbers:
        """Refuses.

        Raises:
            InvalidInput: always.
        """
        raise InvalidInput("This server's catalogue is in Milvus, which Whatsit does not search by words: omit text.")
