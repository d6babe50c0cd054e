"""Who calls, and what they may do: keys, roles, rates and requests in flight."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from whatsit.gateway import metrics
from whatsit.gateway.keys import KeyFile, KeyRing, Role
from whatsit.gateway.problems import Problem
from whatsit.gateway.settings import Settings

_SECONDS = 10  # a rate is counted over this time, or over that of one request


@dataclass(frozen=True)
class Caller:
    """The holder of a key, or a caller without one.

    Args:
        name: of the key, "" without one.
        id: public part of the key, "" without one.
        role: what the caller may do.
        address: IP address.
        catalogues: names of the catalogues that the key opens; () for all.
    """

    name: str
    id: str
    role: Role
    address: str
    catalogues: tuple[str, ...] = ()

    def check(self, role: Role) -> None:
        """Raise 403 unless the caller has this role."""
        if self.role < role:
            metrics.REFUSED.labels("role").inc()
            raise Problem(
                403, f"This needs a key with the role {role.name.lower()}; yours has {self.role.name.lower()}."
            )

    def check_catalogue(self, name: str) -> None:
        """Raise 403 where the key does not open this catalogue."""
        if self.catalogues and name not in self.catalogues:
            metrics.REFUSED.labels("catalogue").inc()
            raise Problem(403, f"Your key does not open the catalogue '{name}'.")


class Access:
    """Admits callers.

    Args:
        settings: of the gateway.

    Raises:
        Damaged, Unavailable: the file of keys cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._limits = settings.limits
        self._keys = KeyRing(KeyFile(settings.keys)) if settings.keys else None
        self._open_role = Role.parse(settings.open_role) if settings.open_role else None
        self._rates = MovingWindowRateLimiter(MemoryStorage())
        self._failures = RateLimitItemPerMinute(self._limits.failures)
        self._in_flight: Counter[str] = Counter()

    def admit(self, authorization: str | None, address: str) -> Caller:
        """Return who calls.

        Args:
            authorization: the header `Authorization` ("Bearer KEY") or `X-API-Key` (the key alone).
            address: IP address of the caller.

        Raises:
            Problem: 401 without a valid key, 429 beyond the rate.
        """
        if not authorization or self._keys is None:
            if self._open_role is None:
                metrics.REFUSED.labels("no key").inc()
                raise _unauthorized("Send a key: `Authorization: Bearer KEY`.")
            self._count_rate(f"address {address}", self._limits.rate)
            return Caller("", "", self._open_role, address)
        scheme, _, rest = authorization.strip().partition(" ")
        key = self._keys.find(rest.strip() if scheme.lower() == "bearer" else authorization.strip())
        if key is None:
            metrics.REFUSED.labels("key").inc()
            if not self._rates.hit(self._failures, f"failures {address}"):
                raise Problem(429, "Too many refused keys from this address: wait a minute.", {"retry-after": "60"})
            raise _unauthorized("This key is not valid: it was revoked, or never made.")
        self._count_rate(f"key {key.id}", key.rate or self._limits.rate)
        return Caller(key.name, key.id, Role.parse(key.role), address, key.catalogues)

    @contextmanager
    def in_flight(self, caller: Caller) -> Iterator[None]:
        """Count a request while it waits and is answered.

        Raises:
            Problem: 503 where too many are, of all callers or of this one.
        """
        who = caller.id or caller.address
        limits = self._limits
        if self._in_flight.total() >= limits.in_flight or self._in_flight[who] >= limits.in_flight_per_caller:
            metrics.REFUSED.labels("in flight").inc()
            raise Problem(
                503, "The server has more requests than it can answer: try again later.", {"retry-after": "1"}
            )
        self._in_flight[who] += 1
        metrics.IN_FLIGHT.inc()
        try:
            yield
        finally:
            self._in_flight[who] -= 1
            if not self._in_flight[who]:
                del self._in_flight[who]
            metrics.IN_FLIGHT.dec()

    def _count_rate(self, who: str, rate: float | None) -> None:
        if rate is None:
            return
        seconds = max(_SECONDS, math.ceil(1 / rate))
        limit = RateLimitItemPerSecond(max(round(rate * seconds), 1), seconds)
        if not self._rates.hit(limit, who):
            metrics.REFUSED.labels("rate").inc()
            raise Problem(429, f"More than {rate:g} requests a second: wait a moment.", {"retry-after": "1"})


def _unauthorized(sentence: str) -> Problem:
    return Problem(401, sentence, {"www-authenticate": 'Bearer realm="whatsit"'})
