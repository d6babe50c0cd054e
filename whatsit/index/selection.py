"""Rows of a shard that a search may return, in the forms that searches need."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from whatsit.index.index_kind import Numbers


@dataclass(frozen=True, eq=False)
class Selection:
    """Chosen rows, never changed; each form is made once, when first asked for.

    Args:
        mask: bool [N], the chosen rows.
    """

    mask: npt.NDArray[np.bool_]
    _of_graphs: dict[int, Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def count(self) -> int:
        """Return how many rows are chosen."""
        return int(np.count_nonzero(self.mask))

    @property
    def share(self) -> float:
        """Return the chosen share of all rows, 0..1."""
        return self.count / max(len(self.mask), 1)

    @cached_property
    def rows(self) -> Numbers:
        """Return the chosen rows, int64 ascending."""
        return np.flatnonzero(self.mask)

    @cached_property
    def selector(self) -> Any:
        """Return the FAISS selector of the chosen rows; safe for concurrent search."""
        return faiss.IDSelectorBitmap(np.packbits(self.mask, bitorder="little"))

    @cached_property
    def listed(self) -> Any:
        """Return the FAISS selector that lists the rows: a scan looks at no others."""
        return faiss.IDSelectorArray(self.rows)

    def graph_parameters(self, effort: int) -> Any:
        """Return parameters of a graph search among the rows; no search changes them."""
        known = self._of_graphs.get(effort)
        if known is None:
            known = self._of_graphs[effort] = faiss.SearchParametersHNSW(efSearch=effort, sel=self.selector)
        return known
