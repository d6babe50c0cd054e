"""Changes of a served catalogue that need no Triton."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from whatsit_client.errors import InvalidInput, WhatsitError

from whatsit.catalogue.backends import open_embedded
from whatsit.catalogue.review.catalogue_review import Review
from whatsit.catalogue.store.item_history import record_history
from whatsit.catalogue.store.store import Store
from whatsit.gateway.problems import Problem

Value = TypeVar("Value")
Fields = Mapping[str, Any] | None
_REFUSAL = "which keeps no decisions: reviews, imports and counts need an embedded catalogue"


class CatalogueWriter:
    """Writes into one catalogue; opened at the first need.

    Args:
        folder: the catalogue's.
        models: the model repository, for jobs.
        read_only: refuse changes.
    """

    def __init__(self, folder: Path, models: Path, read_only: bool) -> None:
        self.folder, self.models, self._read_only = folder, models, read_only

    async def run(self, work: Callable[[Review], Value]) -> Value:
        """Return what is done with the review, in a thread.

        Raises:
            Problem: 409 where the catalogue may not be changed here.
            WhatsitError: see the work.
        """
        return await run_in_threadpool(lambda: work(self.review))

    async def record(self, id: str, kind: str, who: str, before: Fields, after: Fields) -> None:
        """Record a change that Triton made, if the catalogue keeps a history."""

        def work() -> None:
            store = self.quiet_store()
            if store is not None:
                record_history(store, id, kind, who, before, after)

        await run_in_threadpool(work)

    @cached_property
    def review(self) -> Review:
        """The review of the catalogue."""
        return Review(self.store)

    @cached_property
    def store(self) -> Store:
        """The catalogue's store, for changes."""
        if self._read_only:
            raise Problem(409, "This server does not change its catalogue: it was started read-only.")
        try:
            return open_embedded(self.folder, _REFUSAL)
        except InvalidInput as error:
            raise Problem(409, str(error)) from error

    def quiet_store(self) -> Store | None:
        """Return the store, None where the catalogue cannot be changed."""
        try:
            return self.store
        except (Problem, WhatsitError):
            return None
