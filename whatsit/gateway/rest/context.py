"""What the routes share: the gateway's parts, the caller, links to pictures."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import Request
from whatsit_client.calls import Call

from whatsit.gateway.access import Caller
from whatsit.gateway.catalogue_writer import CatalogueWriter
from whatsit.gateway.catalogues import CatalogueReader
from whatsit.gateway.child_jobs import ChildJobs
from whatsit.gateway.inference import Gone, Inference
from whatsit.gateway.keys import Role
from whatsit.gateway.problems import Problem
from whatsit.gateway.search_counter import SearchCounter
from whatsit.gateway.served_catalogues import ServedCatalogues
from whatsit.gateway.settings import Settings
from whatsit.serving.catalogue_file import unknown_catalogue

Value = TypeVar("Value")


@dataclass(frozen=True)
class Gateway:
    """The parts of a running gateway.

    Args:
        settings: as started.
        inference: Triton.
        catalogues: that are served now.
        jobs: processes that fill queues and import files.
        searches: counts answers.
    """

    settings: Settings
    inference: Inference
    catalogues: ServedCatalogues
    jobs: ChildJobs
    searches: SearchCounter


@dataclass(frozen=True)
class Context:
    """One request.

    Args:
        gateway: that answers.
        caller: who asks.
        catalogue: its name.
        id: of the request.
        prefix: "/v1", or "/v1/c/NAME".
        gone: tells whether the caller has left.
    """

    gateway: Gateway
    caller: Caller
    catalogue: str
    id: str
    prefix: str
    gone: Gone

    @classmethod
    def of(cls, request: Request, role: Role = Role.SEARCH) -> Context:
        """Return the context of a request whose caller has a role.

        Raises:
            Problem: 403 without the role, 404 for an unknown catalogue.
        """
        gateway: Gateway = request.app.state.gateway
        caller: Caller = request.state.caller
        named = request.path_params.get("catalogue")
        name = gateway.catalogues.default if named is None else named
        caller.check(role)
        caller.check_catalogue(name)
        if name not in gateway.catalogues:
            raise Problem(404, str(unknown_catalogue(name, gateway.catalogues.names())))
        prefix = "/v1" if named is None else f"/v1/c/{quote(name, safe='')}"
        return cls(gateway, caller, name, request.state.request_id, prefix, request.is_disconnected)

    @property
    def reader(self) -> CatalogueReader:
        """The catalogue, for reading."""
        return self.gateway.catalogues.reader(self.catalogue)

    @property
    def writer(self) -> CatalogueWriter:
        """The catalogue, for changes without Triton."""
        return self.gateway.catalogues.writer(self.catalogue)

    def who(self, reviewer: str | None = None) -> str:
        """Return the name for the logs: the key's, and that which the person gave."""
        names = [self.caller.name, reviewer] if self.caller.name else [reviewer or "local"]
        return "/".join(name for name in names if name)

    async def call(self, call: Call[Value]) -> Value:
        """Return the result of a call to Triton for this caller."""
        return await self.gateway.inference.call(self.caller, call, self.id, self.catalogue, self.gone)

    async def read(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Return what is read from the catalogue, counted among the requests in flight."""
        try:
            with self.gateway.inference.in_flight(self.caller):
                return await work
        finally:
            work.close()

    def item_url(self, id: str) -> str:
        """Return the URL of an item, relative to this server."""
        return f"{self.prefix}/items/{quote(id, safe='')}"

    def image_url(self, id: str, position: int = 0) -> str:
        """Return the URL of an item's picture, relative to this server."""
        return f"{self.item_url(id)}/image" + (f"?position={position}" if position else "")

    def picture_url(self, id: str, sha256: str) -> str:
        """Return the URL of an item's picture, also of a hidden one."""
        return f"{self.item_url(id)}/image?sha256={sha256}"

    def photo_url(self, token: str) -> str:
        """Return the URL of a visitor's photo."""
        return f"{self.prefix}/review/photos/{token}"

    def item(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return an item's record with a URL in place of the picture's path."""
        return {**record, "image": self.image_url(record["id"]) if record.get("image") else None}

    def region(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return a region's record with URLs in place of paths."""
        matches = [{**match, "item": self.item(match["item"])} for match in record["matches"]]
        return {**record, "matches": matches}
