"""Start of Ray on a machine that is busy."""

from __future__ import annotations

from typing import Any

import pytest
from whatsit_client.errors import Unavailable

from whatsit.catalogue.ingest.ray_executor import start_ray

LATE = "The current node timed out during startup.\nThe raylet failed."


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that Ray was started with; each start comes too late but the third."""
    ray: Any = pytest.importorskip("ray", reason="Ray is not installed: pip install 'whatsit[ray]'")
    asked: list[str] = []

    def init(address: str, **_: object) -> None:
        asked.append(address)
        if len(asked) != 3:
            raise Exception(LATE)  # as Ray does

    monkeypatch.setattr(ray, "init", init)
    return asked


def test_a_start_that_comes_too_late_is_repeated(starts: list[str]) -> None:
    start_ray(None, 1, None)
    assert starts == ["local"] * 3


def test_the_last_failure_is_one_sentence(starts: list[str]) -> None:
    starts += ["local"] * 3
    with pytest.raises(Unavailable, match=r"^There is no way to start Ray here \(The current node timed out during"):
        start_ray(None, 1, None)
    assert len(starts) == 3 + 4


def test_what_a_second_start_does_not_mend_is_said_at_once(monkeypatch: pytest.MonkeyPatch, starts: list[str]) -> None:
    import ray

    def init(address: str, **_: object) -> None:
        starts.append(address)
        raise ValueError("no such option")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(Unavailable, match="no such option"):
        start_ray(None, 1, None)
    assert len(starts) == 1


def test_a_cluster_is_asked_once(starts: list[str]) -> None:
    with pytest.raises(Unavailable, match=r"^There is no Ray at '10\.0\.0\.1:6379' \("):
        start_ray("10.0.0.1:6379", 1, None)
    assert len(starts) == 1
