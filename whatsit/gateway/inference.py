"""Inference for callers of every protocol: roles, limits, audit, Triton."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from whatsit_client.calls import Call
from whatsit_client.errors import InvalidInput, Unavailable
from whatsit_client.transport.transport_errors import strip_prefix

from whatsit.gateway.access import Access, Caller
from whatsit.gateway.audit import AuditLog
from whatsit.gateway.inference_request import InferenceRequest
from whatsit.gateway.keys import Role
from whatsit.gateway.pair_routing import PairRouter
from whatsit.gateway.served_catalogues import ServedCatalogues
from whatsit.gateway.shadow import ShadowCalls
from whatsit.gateway.upstream import Reply, Upstream
from whatsit.serving.catalogue_file import unknown_catalogue

Value = TypeVar("Value")
Gone = Callable[[], Awaitable[bool]]


async def _stays() -> bool:
    return False


class Inference:
    """Sends the requests of admitted callers to Triton.

    Args:
        catalogues: that are served now.
        upstream: Triton.
        access: counts requests in flight.
        audit: takes changes.
        router: finds the model of the embedder that serves; None where there is one.
    """

    def __init__(
        self,
        catalogues: ServedCatalogues,
        upstream: Upstream,
        access: Access,
        audit: AuditLog,
        router: PairRouter | None = None,
    ) -> None:
        self._catalogues, self.upstream, self._access, self._audit = catalogues, upstream, access, audit
        self._router = router or PairRouter(None)
        self._shadow = ShadowCalls(upstream)

    async def infer(self, caller: Caller, request: InferenceRequest, id: str, gone: Gone = _stays) -> Reply:
        """Return Triton's reply, whatever its status.

        Args:
            caller: who asks.
            request: checked.
            id: of the request, 32 hexadecimal digits; it is the trace's id too.
            gone: tells whether the caller has left; a request that waits is then dropped.

        Raises:
            Problem: 403 without the role or for another catalogue, 503 beyond the requests in flight.
            TimedOut, Unavailable: see `Upstream.infer`.
        """
        caller.check(Role.EDIT if request.changes_catalogue else Role.SEARCH)
        name = str(request.parameters.get("catalogue", self._catalogues.default))
        caller.check_catalogue(name)
        if name not in self._catalogues:
            raise unknown_catalogue(name, self._catalogues.names())
        if self._catalogues.may_change:  # Triton may see another default one than was checked here
            request = replace(request, parameters={**request.parameters, "catalogue": name})
        with self._access.in_flight(caller):
            return await self.upstream.finish(self._audited(caller, request, id, name), gone)

    def in_flight(self, caller: Caller) -> AbstractContextManager[None]:
        """Count a request of a caller while it is answered; see `Access.in_flight`."""
        return self._access.in_flight(caller)

    async def call(self, caller: Caller, call: Call[Value], id: str, catalogue: str, gone: Gone = _stays) -> Value:
        """Return the result of a client's call.

        Raises:
            InvalidInput: Triton refused it; the sentence is its.
            Problem, TimedOut, Unavailable: see `infer`.
        """
        inputs = {
            name: bytes(array[0]) if array.dtype == object else array.tobytes() for name, array in call.inputs.items()
        }
        parameters: dict[str, Any] = dict(call.parameters)
        if catalogue != self._catalogues.default:
            parameters["catalogue"] = catalogue
        reply = await self.infer(caller, InferenceRequest(call.model, inputs, parameters), id, gone)
        if reply.status == 400:
            raise InvalidInput(strip_prefix(reply.error))
        if reply.status != 200:
            raise Unavailable(f"The server could not answer ({strip_prefix(reply.error)}).")
        return call.read(reply.tensors())

    async def _audited(self, caller: Caller, request: InferenceRequest, id: str, catalogue: str) -> Reply:
        folder, begin = self._catalogues.folder(catalogue), time.monotonic()
        route = partial(self._router.model, request.model, folder)
        reply = await self.upstream.send(request, f"00-{id}-{id[:16]}-01", route)
        if beside := self._router.beside(request.model, folder):
            self._shadow.consider(request, reply, time.monotonic() - begin, folder, beside)
        if request.changes_catalogue or request.operation in ("feedback", "withdraw"):
            ids = _ids(request.inputs.get("ITEM", b"{}"))
            self._audit.record(caller, request.operation, catalogue, ids, reply.status == 200, id)
        return reply


def _ids(item: bytes) -> list[str]:
    try:
        record = json.loads(item)
        return [str(one)[:200] for one in record.get("ids", [record.get("id")])][:1000]
    except (ValueError, RecursionError, AttributeError, TypeError):
        return []
