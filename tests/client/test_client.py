"""Calls against a stand-in server, over both protocols, blocking and asyncio."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from tenacity import RetryCallState, Retrying
from whatsit_client import AsyncClient, Client, InvalidInput, Item, TimedOut, Unavailable
from whatsit_client.retry_policy import pause
from whatsit_client.tensors import read_identification
from whatsit_client.transport.transport_errors import Busy, ConnectionLost

BROKEN = None
REFUSED = (400, grpc.StatusCode.INVALID_ARGUMENT, "in ensemble 'identify', top_k must be within 1..100, not 0.")
ASLEEP = (503, grpc.StatusCode.UNAVAILABLE, "The index is being loaded.")
FAILED = (500, grpc.StatusCode.INTERNAL, "The step failed.")
UNKNOWN = (404, grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'identify' is not found")

Call = Callable[..., Any]


def blocking(method: str, url: str, *arguments: Any, timeout: float = 10, retries: int = 2, **options: Any) -> Any:
    with Client(url, timeout=timeout, retries=retries) as client:
        return getattr(client, method)(*arguments, **options)


def awaited(method: str, url: str, *arguments: Any, timeout: float = 10, retries: int = 2, **options: Any) -> Any:
    async def call() -> Any:
        async with AsyncClient(url, timeout=timeout, retries=retries) as client:
            return await getattr(client, method)(*arguments, **options)

    return asyncio.run(call())


@pytest.fixture(params=[blocking, awaited])
def call(request: pytest.FixtureRequest) -> Call:
    return request.param  # type: ignore[no-any-return]  # pytest types params as Any


def test_identify_sends_the_file_and_reads_the_reply(call: Call, fake: Any, photo: bytes, reply: Any) -> None:
    result = call("identify", fake.url, photo)
    assert result == read_identification(reply)
    assert result.regions[1].matches[0].item.title == "Tea 0"
    assert fake.models == ["identify"]
    assert fake.images == [photo]
    assert fake.parameters == [{}]


def test_options_travel_as_request_parameters(call: Call, fake: Any, photo: bytes) -> None:
    call(
        "identify",
        fake.url,
        photo,
        top_k=5,
        boxes=[(1, 2, 3.5, 4)],
        where={"brand": "Ärla"},
        min_score=1.25,
        rerank=["score", "surprise"],
        gate=False,
    )
    sent = fake.parameters[0]
    assert sent["top_k"] == 5
    assert sent["boxes"] == "[[1.0, 2.0, 3.5, 4.0]]"
    assert sent["where"] in ('{"brand": "Ärla"}', '{"brand": "\\u00c4rla"}')
    assert float(sent["min_score"]) == 1.25
    assert sent["rerank"] == "score,surprise"
    assert sent["gate"] == "off"


def test_embed_and_detect_read_their_outputs(call: Call, fake: Any, photo: bytes) -> None:
    fake.reply["EMBEDDINGS"] = np.eye(2, 128, dtype=np.float32)
    embedding = call("embed", fake.url, photo)
    assert embedding.vectors.shape == (2, 128)
    assert embedding.intent == "goods"
    assert embedding.regions[0].box == (0, 0, 100, 80)
    regions = call("detect", fake.url, photo, boxes=[(0, 0, 5, 5)])
    assert regions == embedding.regions
    assert fake.models == ["embed", "detect"]


def test_changes_of_the_catalogue_read_their_results(call: Call, fake: Any, photo: bytes) -> None:
    def result(value: Any) -> None:
        fake.reply.clear()
        fake.reply["RESULT"] = np.array([json.dumps(value).encode()], object)

    result({"id": "a", "outcome": "added", "vectors": 1})
    assert call("upsert", fake.url, {"id": "a", "price": 2.5}, photo) == "added"
    assert call("upsert", fake.url, Item("a"), vectors=np.eye(1, 4)) == "added"
    result({"deleted": 1, "unknown": ["b"]})
    assert call("delete", fake.url, "a", "b") == ("b",)
    result({"item": {"id": "a", "title": "Tea", "brand": None, "attributes": {"size": 20}}, "added": "", "images": []})
    assert call("get", fake.url, "a") == Item("a", "Tea", attributes={"size": 20})
    state = {"items": 3, "items_indexed": 2, "vectors_indexed": 4, "published": "2026-11-21T20:00:00+00:00"}
    result({**state, "pending": 1, "read_only": False, "notes": ["Compact."], "of_a_later_version": 1})
    stats = call("stats", fake.url)
    assert (stats.items, stats.pending, stats.notes) == (3, 1, ("Compact.",))
    assert fake.models == ["catalogue"] * 5


def test_an_item_that_is_no_json_never_reaches_the_server(call: Call, fake: Any) -> None:
    with pytest.raises(InvalidInput, match="cannot be written as JSON"):
        call("upsert", fake.url, {"id": object()})
    assert fake.calls == 0


def test_a_lost_connection_is_tried_again(call: Call, fake: Any, photo: bytes) -> None:
    fake.refusals = [BROKEN, BROKEN]
    assert call("identify", fake.url, photo).intent == "goods"
    assert fake.calls == 3


@pytest.mark.parametrize("words", ["Request timeout expired", "Exceeds maximum queue size"])
def test_a_busy_server_is_asked_again(call: Call, fake: Any, photo: bytes, words: str) -> None:
    busy = (503, grpc.StatusCode.UNAVAILABLE, f"in ensemble 'identify', {words}")
    fake.refusals = [busy]
    assert call("identify", fake.url, photo).intent == "goods"
    assert fake.calls == 2
    fake.refusals = [busy] * 9
    with pytest.raises(Unavailable, match="has more calls than it can answer: try again later"):
        call("identify", fake.url, photo, retries=0)
    assert fake.calls == 3


def test_pauses_triple_and_are_longer_and_random_for_a_busy_server() -> None:
    def pauses(error: Exception) -> list[float]:
        states = [RetryCallState(Retrying(), None, (), {}) for _ in range(3)]
        for number, state in enumerate(states, start=1):
            state.attempt_number = number
            state.set_exception((type(error), error, None))
        return [pause(state) for state in states]

    assert pauses(ConnectionLost()) == pytest.approx([0.1, 0.3, 0.9])
    for seconds, most in zip(pauses(Busy()), (0.5, 1.5, 4.5), strict=True):
        assert most / 2 <= seconds <= most


def test_no_attempt_begins_after_the_deadline(call: Call, fake: Any, photo: bytes) -> None:
    fake.refusals = [BROKEN] * 9
    with pytest.raises(Unavailable):
        call("identify", fake.url, photo, timeout=0.2, retries=9)
    assert fake.calls <= 2


def test_tries_run_out(call: Call, fake: Any, photo: bytes) -> None:
    fake.refusals = [BROKEN] * 9
    with pytest.raises(Unavailable, match=r"No Whatsit server answers at .*: start one with `whatsit serve`"):
        call("identify", fake.url, photo, retries=1)
    assert fake.calls == 2


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (REFUSED, InvalidInput, r"^top_k must be within 1\.\.100, not 0\.$"),
        (ASLEEP, Unavailable, r"^The index is being loaded\.$"),
        (FAILED, Unavailable, r"could not answer .*The step failed"),
        (UNKNOWN, Unavailable, r"does not serve this model"),
    ],
)
def test_a_refusal_is_not_tried_again(
    call: Call, fake: Any, photo: bytes, refusal: Any, kind: type[Exception], words: str
) -> None:
    fake.refusals = [refusal] * 9
    with pytest.raises(kind, match=words):
        call("identify", fake.url, photo)
    assert fake.calls == 1


def test_a_late_answer_is_not_tried_again(call: Call, fake: Any, photo: bytes) -> None:
    fake.delay = 1.0
    with pytest.raises(TimedOut, match=r"did not answer within 0\.\d+ seconds") as caught:
        call("identify", fake.url, photo, timeout=0.2)
    assert isinstance(caught.value, TimeoutError)
    assert fake.calls == 1


def test_a_call_that_is_given_up_is_not_cancelled(call: Call, fake: Any, photo: bytes) -> None:
    """Triton of the wheel may crash on a cancelled gRPC call, and on one that passes its deadline."""
    fake.delay = 0.5
    with pytest.raises(TimedOut):
        call("identify", fake.url, photo, timeout=0.1)
    assert not fake.cancelled
    assert all(seconds is None or seconds > 1e6 for seconds in fake.deadlines)


def test_a_closed_client_says_so(fake: Any, photo: bytes) -> None:
    client = Client(fake.url)
    client.identify(photo)
    client.close()
    if fake.url.startswith("grpc"):
        with pytest.raises(Unavailable, match="open a new client"):
            client.identify(photo)


def test_a_client_goes_on_after_a_late_answer(fake: Any, photo: bytes) -> None:
    with Client(fake.url) as client:
        fake.delay = 0.5
        with pytest.raises(TimedOut):
            client.identify(photo, timeout=0.1)
        fake.delay = 0.0
        assert client.identify(photo).intent == "goods"


def test_a_reply_that_breaks_the_contract_blames_the_server(call: Call, fake: Any, photo: bytes) -> None:
    del fake.reply["ITEM_SCORES"]
    with pytest.raises(Unavailable, match=r"is no Whatsit server of this version .*ITEM_SCORES"):
        call("identify", fake.url, photo)
    assert fake.calls == 1


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_nobody_listens(call: Call, scheme: str, photo: bytes) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"{scheme}://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(Unavailable, match="No Whatsit server answers at"):
            call("identify", url, photo)
        assert call("is_ready", url) is False


def test_is_ready(call: Call, fake: Any) -> None:
    assert call("is_ready", fake.url) is True


@pytest.mark.parametrize("image", [b"", "nothing/here.jpg", np.zeros((4, 4), np.uint8), 7])
def test_what_is_no_image_never_reaches_the_server(call: Call, fake: Any, image: Any) -> None:
    with pytest.raises(InvalidInput):
        call("identify", fake.url, image)
    assert fake.calls == 0


def test_one_client_serves_many_threads(fake: Any, photo: bytes) -> None:
    with Client(fake.url) as client, ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: client.identify(photo), range(16)))
    assert len(results) == fake.calls == 16


def test_one_async_client_serves_many_tasks(fake: Any, photo: bytes) -> None:
    async def many() -> list[Any]:
        async with AsyncClient(fake.url) as client:
            return await asyncio.gather(*(client.identify(photo) for _ in range(16)))

    assert len(asyncio.run(many())) == fake.calls == 16


@pytest.mark.parametrize(("timeout", "retries"), [(0, 1), (-1, 1), (float("nan"), 1), (1, -1)])
def test_impatience_is_refused(timeout: float, retries: int) -> None:
    with pytest.raises(InvalidInput):
        Client(timeout=timeout, retries=retries)


def test_the_slim_client_needs_nothing_of_the_server() -> None:
    heavy = "{'rich', 'typer', 'cv2', 'whatsit', 'torch', 'faiss', 'onnxruntime'}"
    code = (
        "import sys, whatsit_client as w; assert 'tritonclient' not in sys.modules\n"
        "from whatsit_client.transport import over_grpc, over_http\n"
        "w.Client, w.AsyncClient, w.draw\nimport whatsit_client.drawing\n"
        f"sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
