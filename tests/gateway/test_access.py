"""Who is admitted: keys, roles, catalogues, rates, refused keys, requests in flight."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whatsit.gateway.access import Access, Caller
from whatsit.gateway.keys import KeyFile, Role
from whatsit.gateway.problems import Problem
from whatsit.gateway.settings import Limits, Settings

Make = Callable[..., Access]


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def access(keys: KeyFile, tmp_path: Path) -> Make:
    def make(limits: dict[str, Any] | None = None, **settings: Any) -> Access:
        given: dict[str, Any] = {"keys": keys.path, "limits": Limits(**(limits or {})), **settings}
        return Access(Settings(catalogues={"shop": tmp_path}, model_repository=tmp_path, upstream="", **given))

    return make


def refused(status: int, call: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as problem:
        call()
    assert problem.value.status == status
    assert problem.value.detail.endswith((".", "`."))
    return problem.value


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer  {} ", "{}"])
def test_a_key_is_sent_in_these_ways(access: Make, keys: KeyFile, form: str) -> None:
    full = keys.add("phone", "edit", catalogues=("shop",))
    caller = access().admit(form.format(full), "1.2.3.4")
    assert (caller.name, caller.role, caller.address, caller.catalogues) == ("phone", Role.EDIT, "1.2.3.4", ("shop",))


@pytest.mark.parametrize("given", [None, "", "Bearer ", "Bearer wk_1_2", "Basic YWRtaW46YWRtaW4=", "Bearer Bearer {}"])
def test_everything_else_is_401(access: Make, keys: KeyFile, given: str | None) -> None:
    full = keys.add("phone", "admin")
    problem = refused(401, lambda: access().admit(given and given.format(full), "1.2.3.4"))
    assert "Bearer" in problem.headers["www-authenticate"]


def test_refusals_do_not_say_whether_a_key_exists(access: Make, keys: KeyFile) -> None:
    full = keys.add("phone", "admin")
    keys.add("desk", "admin")
    revoked = keys.rotate("desk")
    keys.revoke("desk")
    gate = access()
    texts = {
        refused(401, lambda text=text: gate.admit(f"Bearer {text}", "")).detail  # type: ignore[misc]
        for text in (full[:-1] + "?", revoked, "wk_00000000_abc", "abc")
    }
    assert len(texts) == 1


def test_an_open_server_admits_without_a_key(access: Make, keys: KeyFile) -> None:
    full = keys.add("phone", "admin")
    gate = access(open_role="search")
    assert gate.admit(None, "").role is Role.SEARCH
    assert gate.admit(full, "").role is Role.ADMIN
    refused(401, lambda: gate.admit("Bearer wk_1_2", ""))


def test_a_server_without_keys_gives_a_header_no_rights(access: Make) -> None:
    """Whatever a caller writes there, it is as if it were not."""
    refused(401, lambda: access(keys=None).admit("Bearer anything", ""))
    assert access(keys=None, open_role="search").admit("Bearer anything", "").role is Role.SEARCH
    gate = access({"rate": 0.1}, keys=None, open_role="search")
    gate.admit("Bearer anything", "1.1.1.1")
    refused(429, lambda: gate.admit("Bearer something else", "1.1.1.1"))


@pytest.mark.parametrize("role", Role)
def test_a_role_includes_those_before(role: Role) -> None:
    caller = Caller("a", "1", role, "")
    for needed in Role:
        if needed <= role:
            caller.check(needed)
        else:
            assert needed.name.lower() in refused(403, lambda needed=needed: caller.check(needed)).detail  # type: ignore[misc]


def test_a_key_opens_the_catalogues_that_it_names() -> None:
    Caller("a", "1", Role.SEARCH, "").check_catalogue("plants")
    bound = Caller("a", "1", Role.ADMIN, "", ("shop",))
    bound.check_catalogue("shop")
    refused(403, lambda: bound.check_catalogue("plants"))


@pytest.mark.parametrize(("rate", "admitted"), [(1.0, 10), (0.5, 5), (0.1, 1), (0.01, 1)])
def test_a_rate_is_counted_for_each_key(access: Make, keys: KeyFile, rate: float, admitted: int) -> None:
    first, second = keys.add("first", "search", rate), keys.add("second", "search", rate)
    gate = access()
    for _ in range(admitted):
        gate.admit(first, "1.1.1.1")
    problem = refused(429, lambda: gate.admit(first, "2.2.2.2"))  # another address does not help
    assert int(problem.headers["retry-after"]) >= 1
    gate.admit(second, "1.1.1.1")


def test_a_slow_rate_is_counted_over_its_own_time(access: Make, keys: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request in 100 seconds is not one in ten."""
    now = 1000.0
    monkeypatch.setattr("time.time", lambda: now)
    full = keys.add("slow", "search", 0.01)
    gate = access()
    gate.admit(full, "")
    now += 50
    refused(429, lambda: gate.admit(full, ""))
    now += 51
    gate.admit(full, "")


def test_the_servers_rate_counts_addresses_and_keys_without_their_own(access: Make, keys: KeyFile) -> None:
    plain, own = keys.add("plain", "search"), keys.add("own", "search", 100.0)
    gate = access({"rate": 0.2}, open_role="search")
    for given, address in ((None, "1.1.1.1"), (plain, "1.1.1.1")):
        gate.admit(given, address)
        gate.admit(given, address)
        refused(429, lambda given=given, address=address: gate.admit(given, address))  # type: ignore[misc]
    gate.admit(None, "2.2.2.2")
    for _ in range(5):
        gate.admit(own, "1.1.1.1")


def test_refused_keys_are_counted_and_others_at_the_address_go_on(access: Make, keys: KeyFile) -> None:
    full = keys.add("phone", "search")
    gate = access({"failures": 3})
    for _ in range(3):
        refused(401, lambda: gate.admit("Bearer wk_1_2", "1.1.1.1"))
    refused(429, lambda: gate.admit("Bearer wk_1_2", "1.1.1.1"))
    refused(401, lambda: gate.admit("Bearer wk_1_2", "2.2.2.2"))
    assert gate.admit(full, "1.1.1.1").name == "phone"  # behind the same proxy


def test_requests_in_flight_are_bounded_for_each_caller_and_for_all(access: Make) -> None:
    gate = access({"in_flight": 3, "in_flight_per_caller": 2})
    first, second = Caller("a", "1", Role.SEARCH, "1.1.1.1"), Caller("b", "2", Role.SEARCH, "1.1.1.1")
    nobody = Caller("", "", Role.SEARCH, "1.1.1.1")
    with gate.in_flight(first), gate.in_flight(first):
        assert "retry-after" in refused(503, gate.in_flight(first).__enter__).headers
        with gate.in_flight(second):
            refused(503, gate.in_flight(nobody).__enter__)
        with gate.in_flight(nobody):
            pass
    with pytest.raises(ValueError, match="failed"), gate.in_flight(first):
        raise ValueError("failed")
    with gate.in_flight(second), gate.in_flight(second), gate.in_flight(first):  # all places are free again
        pass
