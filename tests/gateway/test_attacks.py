"""Attacks on a server with keys get the reply that they should, and leave Triton as it was."""

from __future__ import annotations

import pytest
from whatsit_client import Client

from perf.gateway.attack import Attack
from perf.gateway.attacks import ATTACKS
from perf.gateway.target import status
from tests.gateway.conftest import Running

pytestmark = pytest.mark.triton

# They wait for a limit of time, or send many megabytes.
SLOW = {
    "headers without an end",
    "body without an end",
    "a million chunks of a byte",
    "300 requests in a row",
    "40 MB of JSON",
    "gzip bomb",
    "gzip bomb: Triton's protocol",
    "deflate bomb",
}


def test_the_slow_ones_are_there() -> None:
    assert {attack.name for attack in ATTACKS} >= SLOW
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize(
    "attack",
    [pytest.param(one, id=one.name, marks=[pytest.mark.slow] if one.name in SLOW else []) for one in ATTACKS],
)
def test_an_attack_is_refused(attack: Attack, gateway: Running) -> None:
    pid = gateway.server.pid
    reply = attack.send(gateway.target)
    assert status(reply) in attack.expected, reply[:300]
    assert gateway.server.pid == pid
    with Client(gateway.url, key=gateway.target.keys["search"]) as client:
        assert client.is_ready()
