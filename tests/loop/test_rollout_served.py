"""A roll-out of a catalogue that a real Triton and a gateway serve."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perf.gateway.target import Target, gateway_on, sentence
from tests.gateway.test_rest import form
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file
from whatsit.loop.rollout import Rollout
from whatsit.loop.rollout_state import rollout_state
from whatsit.server.launcher import Server
from whatsit.server.pair_follower import serving_servers
from whatsit.server.ports import Ports
from whatsit.server.supervisor import Supervisor

pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
pytestmark = pytest.mark.slow
MODELS = default_root() / "model_repository"
OLD = embedder_fingerprint(network_file(MODELS, "embedder"))


def until(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    deadline = time.monotonic() + seconds
    while not (there := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return there


@pytest.fixture
def target(own_catalogue: Path, shop: Path, tmp_path: Path) -> Iterator[Target]:
    picture = sorted((shop / "images").glob("*.jpg"))[11].read_bytes()
    server = Server(own_catalogue, ports=Ports(0, 0, 0), fused=True, closed=True)
    server.pairs.file = tmp_path / "sets.json"
    with Supervisor(server, print), gateway_on(server, own_catalogue, picture, tmp_path) as (found, _):
        yield found


def answer(target: Target, picture: bytes | None = None) -> tuple[str, str, str, float]:
    """Return both fingerprints of a reply, the first item and its score."""
    raw = target.request("POST", "/v1/identify?gate=false", body=picture or target.picture)
    head, _, body = raw.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    match = json.loads(body)["regions"][0]["matches"][0]
    return headers["whatsit-embedder"], headers["whatsit-index"], match["item"]["id"], round(match["score"], 2)


def test_network_and_index_change_together(own_catalogue: Path, new_embedder: Path, shop: Path, target: Target) -> None:
    new, rollout = embedder_fingerprint(new_embedder), Rollout(own_catalogue)
    id = "w7-00011"
    assert answer(target) == (OLD, OLD, id, 2.0)
    rollout.start(new_embedder, shadow=1.0)
    assert until(lambda: [set(one) for one in serving_servers(own_catalogue).values()] == [{OLD, new}])
    assert answer(target) == (OLD, OLD, id, 2.0)
    assert until(lambda: rollout_state(own_catalogue, MODELS).shadow is not None, 20.0)
    rollout.switch()
    assert answer(target) == (new, new, id, 2.0)
    scene = sorted((shop / "scenes").glob("*.jpg"))[0].read_bytes()
    body, headers = form(item=b"{}", image=scene)
    added = target.request("PUT", "/v1/items/scene", "edit", body, {"Content-Type": headers["content_type"]})
    assert sentence(added) == ""
    assert answer(target, scene) == (new, new, "scene", 2.0)
    rollout.back()
    assert answer(target, scene) == (OLD, OLD, "scene", 2.0)
    rollout.abort()
    assert until(lambda: list(serving_servers(own_catalogue).values()) in ([(OLD,)], []), 30.0)
    assert answer(target) == (OLD, OLD, id, 2.0)
