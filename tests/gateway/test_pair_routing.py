"""Calls go to the models of the embedder that serves, and shadow calls to the other ones."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import orjson

from tests.gateway.fakes import FakeTriton
from whatsit.catalogue.serving_pair import ServingPair, write_pair
from whatsit.gateway.inference_request import InferenceRequest
from whatsit.gateway.pair_routing import PairRouter
from whatsit.gateway.shadow import ShadowCalls
from whatsit.gateway.upstream import Reply, Upstream
from whatsit.loop.shadow_report import ShadowReport

A, B = "a" * 16 + "-p1", "b" * 16 + "-p1"


def loaded(file: Path, *names: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"base": A, "loaded": names}))
    new.replace(file)


def test_a_switch_counts_from_the_next_call(tmp_path: Path) -> None:
    file, folder = tmp_path / "loaded.json", tmp_path / "shop"
    folder.mkdir()
    loaded(file, A, B)
    router = PairRouter(file)
    assert router.model("identify", folder) == "identify"
    write_pair(folder, ServingPair(A, B, ready=True, shadow=0.5))
    assert router.model("identify", folder) == "identify"
    assert router.beside("identify", folder) == (f"identify-{B}", B, 0.5)
    assert router.beside("embed", folder) is None
    write_pair(folder, ServingPair(B, A, ready=True, switched=True))
    assert router.model("identify", folder) == f"identify-{B}"
    assert router.model("embed", folder) == f"embed-{B}"
    assert router.model("detect", folder) == "detect"
    assert router.model("catalogue", folder) == "catalogue"
    assert PairRouter(None).model("identify", folder) == "identify"


def test_an_embedder_that_is_not_loaded_gets_no_call(tmp_path: Path) -> None:
    file, folder = tmp_path / "loaded.json", tmp_path / "shop"
    folder.mkdir()
    loaded(file, A)
    router = PairRouter(file)
    write_pair(folder, ServingPair(B, A, ready=True, switched=True, shadow=1.0))
    assert router.model("identify", folder) == "identify"
    loaded(file, A, B)
    assert router.model("identify", folder) == f"identify-{B}"
    loaded(file, A)
    assert router.model("identify", folder) == "identify"


def reply(id: str) -> bytes:
    value = len(id).to_bytes(4, "little") + id.encode()
    output = {"name": "ITEM_IDS", "datatype": "BYTES", "shape": [1, 1], "parameters": {"binary_data_size": len(value)}}
    return orjson.dumps({"outputs": [output]}) + value


def test_shadow_calls_are_compared_and_nobody_waits_for_them(tmp_path: Path) -> None:
    (tmp_path / "embedders" / B).mkdir(parents=True)
    bodies = [reply("X1"), reply("X1"), reply("X2"), b'{"error": "lost"}']

    async def run(triton: FakeTriton) -> None:
        upstream = Upstream(triton.url, {}, 1.0, 5.0, 4)
        await upstream.open()
        shadow, request = ShadowCalls(upstream, random.Random(1)), InferenceRequest("identify", {"IMAGE": b"x"})
        real = Reply(200, bodies[0], len(bodies[0]) - 6)
        for _ in range(3):
            shadow.consider(request, real, 0.01, tmp_path, (f"identify-{B}", B, 1.0))
            shadow.consider(request, real, 0.01, tmp_path, (f"identify-{B}", B, 1.0))  # one at a time
            await asyncio.gather(*shadow._running)
        await upstream.close()

    with FakeTriton(lambda number: (200, bodies[1 + number]) if number < 2 else (500, bodies[3])) as triton:
        triton.header_length = len(bodies[0]) - 6
        asyncio.run(run(triton))
        assert [seen.path for seen in triton.seen] == [f"/v2/models/identify-{B}/infer"] * 3
    found = ShadowReport.read(tmp_path / "embedders" / B / "shadow.jsonl")
    assert found is not None
    assert (found.calls, found.failed, found.same_first, found.differing) == (2, 1, 0.5, (("X1", "X2"),))
