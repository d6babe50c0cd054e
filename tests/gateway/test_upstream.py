"""A made-up Triton that dies, comes back, fails and answers late: what its callers get, and what it is sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from whatsit_client.errors import TimedOut, Unavailable

from tests.gateway.fakes import FakeTriton
from whatsit.gateway.inference_request import InferenceRequest
from whatsit.gateway.upstream import Reply, Upstream

IDENTIFY = InferenceRequest("identify", {"IMAGE": b"jpeg"})
UPSERT = InferenceRequest("catalogue", {"OPERATION": b"upsert", "ITEM": b"{}"})
FEEDBACK = InferenceRequest("catalogue", {"OPERATION": b"feedback", "ITEM": b"{}"})
GOOD = (200, b"good")
DEAD_STEP = (
    500,
    b"{\"error\":\"in ensemble 'identify', Failed to process the request(s) for model instance 'decode_0_0', message: "
    b"Stub process 'decode_0_0' is not healthy.\"}",
)


def run(
    triton: FakeTriton, work: Callable[[Upstream], Coroutine[Any, Any, Any]], hold: float = 30.0, **more: Any
) -> Any:
    """Run work with an upstream to the made-up Triton."""
    given = {"request_seconds": 60.0, "most": 8, **more}

    async def main() -> Any:
        upstream = Upstream(triton.url, {"secret": "opens"}, hold, **given)
        await upstream.open()
        try:
            return await work(upstream)
        finally:
            await upstream.close()

    return asyncio.run(main())


async def stays() -> bool:
    return False


def until(check: Callable[[], bool]) -> Coroutine[Any, Any, None]:
    async def wait() -> None:
        while not check():
            await asyncio.sleep(0.01)

    return wait()


def test_a_reply_comes_as_it_is() -> None:
    with FakeTriton(lambda number: (400, b'{"error":"The image is damaged."}')) as triton:
        reply: Reply = run(triton, lambda upstream: upstream.send(IDENTIFY))
    assert (reply.status, reply.error, len(triton.seen)) == (400, "The image is damaged.", 1)
    assert triton.seen[0].headers["secret"] == "opens"
    assert triton.seen[0].path == "/v2/models/identify/infer"


@pytest.mark.parametrize("body", [b"{}", b"", b"\xff", b"[]", b'"a"', b"plain words"])
def test_an_error_of_any_form_is_a_sentence(body: bytes) -> None:
    assert isinstance(Reply(500, body).error, str)


@pytest.mark.parametrize("request_", [IDENTIFY, UPSERT], ids=["identify", "upsert"])
@pytest.mark.parametrize("failure", [DEAD_STEP, None], ids=["a dead step", "Triton dies amid the request"])
def test_what_was_interrupted_is_sent_again(request_: InferenceRequest, failure: tuple[int, bytes] | None) -> None:
    with FakeTriton(lambda number: failure if number < 3 else GOOD) as triton:
        reply: Reply = run(triton, lambda upstream: upstream.send(request_))
    assert (reply.status, reply.body, len(triton.seen)) == (200, b"good", 4)
    assert len({one.body for one in triton.seen}) == 1


@pytest.mark.parametrize(
    "failure",
    [
        (400, b'{"error":"There is no field \'Stub process is not healthy\'."}'),
        (500, b'{"error":"Failed to process the request(s) for model instance \'a_0\', message: KeyError: 1"}'),
        (503, b'{"error":"in ensemble \'identify\', Exceeds maximum queue size"}'),
        (500, b'{"error":"internal"}'),
    ],
    ids=["a caller's words", "a failure of a step that lives", "busy", "any other failure"],
)
def test_other_failures_are_answered_at_once(failure: tuple[int, bytes]) -> None:
    """What fails each time would else be sent for as long as requests are held."""
    with FakeTriton(lambda number: failure) as triton:
        reply: Reply = run(triton, lambda upstream: upstream.send(IDENTIFY))
    assert ((reply.status, reply.body), len(triton.seen)) == (failure, 1)


@pytest.mark.parametrize("failure", [DEAD_STEP, None])
def test_feedback_that_may_have_been_kept_is_not_sent_again(failure: tuple[int, bytes] | None) -> None:
    with FakeTriton(lambda number: failure) as triton, pytest.raises(Unavailable, match="may or may not"):
        run(triton, lambda upstream: upstream.send(FEEDBACK))
    assert len(triton.seen) == 1


@pytest.mark.parametrize("request_", [IDENTIFY, FEEDBACK], ids=["identify", "feedback"])
def test_a_triton_that_is_away_is_waited_for(request_: InferenceRequest) -> None:
    """What was never sent, feedback too, waits for the next one."""
    triton = FakeTriton(lambda number: GOOD)
    triton.start()
    triton.stop()

    async def work(upstream: Upstream) -> Reply:
        waiting = asyncio.ensure_future(upstream.send(request_))
        await asyncio.wait({waiting}, timeout=0.3)
        assert not waiting.done()
        triton.ready = False
        triton.start()
        await asyncio.wait({waiting}, timeout=0.3)
        assert not waiting.done()  # it listens, and loads its models
        assert not triton.seen
        triton.ready = True
        return await waiting

    reply: Reply = run(triton, work)
    triton.stop()
    assert (reply.status, len(triton.seen)) == (200, 1)


def test_many_who_wait_are_all_answered() -> None:
    triton = FakeTriton(lambda number: GOOD)
    triton.start()
    triton.stop()

    async def work(upstream: Upstream) -> list[Reply]:
        waiting = [asyncio.ensure_future(upstream.finish(upstream.send(IDENTIFY), stays)) for _ in range(30)]
        await asyncio.wait(waiting, timeout=0.2)
        triton.start()
        return await asyncio.gather(*waiting)

    replies = run(triton, work)
    triton.stop()
    assert [reply.status for reply in replies] == [200] * 30
    assert len(triton.seen) == 30


@pytest.mark.parametrize("answers", [DEAD_STEP, None])
def test_a_triton_that_stays_away_is_not_waited_for_longer(answers: tuple[int, bytes] | None) -> None:
    with FakeTriton(lambda number: answers) as triton, pytest.raises(Unavailable, match="restarting"):
        run(triton, lambda upstream: upstream.send(IDENTIFY), hold=0.4)
    assert len(triton.seen) >= 2


def test_nothing_is_held_where_it_is_told_so() -> None:
    triton = FakeTriton().start()
    triton.stop()
    with pytest.raises(Unavailable, match="restarting"):
        run(triton, lambda upstream: upstream.send(IDENTIFY), hold=0.0)


def test_a_late_answer_is_a_time_out_and_the_work_is_finished() -> None:
    """Neither the deadline nor the end of the caller reaches Triton."""
    go, written = threading.Event(), threading.Event()

    def late(number: int) -> tuple[int, bytes]:
        go.wait(120)
        written.set()
        return GOOD

    async def work(upstream: Upstream) -> None:
        done = []

        async def send() -> Reply:
            reply = await upstream.send(UPSERT)
            done.append(reply)
            return reply

        with pytest.raises(TimedOut, match="within 0.3 seconds"):
            await upstream.finish(send(), stays)
        cancelled = asyncio.ensure_future(upstream.finish(send(), stays))
        await until(lambda: len(triton.seen) == 2)
        cancelled.cancel()
        await asyncio.wait({cancelled})
        assert cancelled.cancelled()
        assert not written.is_set()
        go.set()
        await until(lambda: len(done) == 2)
        assert [reply.status for reply in done] == [200, 200]

    with FakeTriton(late) as triton:
        run(triton, work, request_seconds=0.3)


def test_no_more_than_the_slots_are_sent_at_once() -> None:
    go, now, most = threading.Semaphore(0), [0], [0]

    def slow(number: int) -> tuple[int, bytes]:
        now[0] += 1
        most[0] = max(most[0], now[0])
        go.acquire(timeout=120)
        now[0] -= 1
        return GOOD

    async def work(upstream: Upstream) -> None:
        waiting = [asyncio.ensure_future(upstream.finish(upstream.send(IDENTIFY), stays)) for _ in range(9)]
        await until(lambda: len(triton.seen) == 3)
        await asyncio.sleep(0.1)
        assert len(triton.seen) == 3
        go.release(9)
        await asyncio.gather(*waiting)

    with FakeTriton(slow) as triton:
        run(triton, work, most=3)
    assert (most[0], len(triton.seen)) == (3, 9)


def in_a_queue(
    gone: Callable[[], Awaitable[bool]], then: Callable[[asyncio.Future[Any]], Awaitable[None]], seconds: float = 120.0
) -> int:
    """Let one request wait behind another, do something to it, and return how many Triton got, with one more after."""
    go = threading.Event()

    def slow(number: int) -> tuple[int, bytes]:
        go.wait(120)
        return GOOD

    async def work(upstream: Upstream) -> None:
        first = asyncio.ensure_future(upstream.finish(upstream.send(IDENTIFY), stays))
        await until(lambda: len(triton.seen) == 1)
        second = asyncio.ensure_future(upstream.finish(upstream.send(IDENTIFY), gone))
        third = asyncio.ensure_future(upstream.finish(upstream.send(IDENTIFY), stays))
        await asyncio.sleep(0.05)
        await then(second)
        go.set()
        await asyncio.wait({first, second, third})
        second.exception() if not second.cancelled() else None
        assert (await upstream.finish(upstream.send(IDENTIFY), stays)).status == 200  # the slot is free again

    with FakeTriton(slow) as triton:
        run(triton, work, most=1, request_seconds=seconds)
    return len(triton.seen)


async def nothing(waiting: asyncio.Future[Any]) -> None: ...


def test_callers_who_left_while_they_waited_are_dropped() -> None:
    async def left() -> bool:
        return True

    assert in_a_queue(stays, nothing) == 4
    assert in_a_queue(left, nothing) == 3


def test_a_call_that_is_cancelled_while_it_waits_is_dropped() -> None:
    async def cancel(waiting: asyncio.Future[Any]) -> None:
        waiting.cancel()
        await asyncio.wait({waiting})

    assert in_a_queue(stays, cancel) == 3


def test_a_check_that_fails_gives_its_slot_back() -> None:
    async def fails() -> bool:
        raise RuntimeError("the connection is gone")

    assert in_a_queue(fails, nothing) == 3


def test_who_waits_too_long_for_a_slot_is_late() -> None:
    async def late(waiting: asyncio.Future[Any]) -> None:
        with pytest.raises(TimedOut):
            await waiting

    assert in_a_queue(stays, late, 0.5) == 2  # the third was late too


def test_resources_of_a_triton_that_is_away() -> None:
    triton = FakeTriton().start()

    async def work(upstream: Upstream) -> None:
        assert await upstream.is_ready()
        triton.ready = False
        assert not await upstream.is_ready()
        triton.stop()
        reply = await upstream.get("/v2/models/identify")
        assert (reply.status, await upstream.is_ready()) == (503, False)
        assert reply.error.endswith(".")
        assert await upstream.fetch(triton.url + "/metrics") == b""

    run(triton, work)
