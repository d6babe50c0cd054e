"""The simulation against what queueing theory knows exactly."""

from __future__ import annotations

import pytest

from perf.capacity.queue_simulation import Machine, Station, closed_loop, open_loop


def test_one_server_with_random_work_is_m_m_1() -> None:
    """Mean time in the system of M/M/1 is 1 / (mu - lambda); with 10 ms of work and 70 arrivals a second, 33.3 ms."""
    found = open_loop([Station("one", 10.0, 1, spread=1.0)], Machine(1), rate=70, pictures=25_000)
    assert found.latencies.mean() == pytest.approx(1000 / (100 - 70), rel=0.12)
    assert found.rate == pytest.approx(70, rel=0.03)


def test_constant_work_halves_the_wait() -> None:
    """Pollaczek and Khinchine: M/D/1 waits half as long as M/M/1, 11.7 ms at this load."""
    found = open_loop([Station("one", 10.0, 1, spread=0)], Machine(1), rate=70, pictures=25_000)
    assert found.latencies.mean() - 10 == pytest.approx(0.7 * 10 / (2 * 0.3), rel=0.12)


def test_processor_sharing_does_not_care_for_the_spread() -> None:
    """M/G/1 with processor sharing: 1 / (mu - lambda) whatever the spread; unlimited instances share one core."""
    for spread in (0.0, 1.0):
        found = open_loop([Station("one", 10.0, 10_000, spread=spread)], Machine(1), rate=70, pictures=25_000)
        assert found.latencies.mean() == pytest.approx(1000 / (100 - 70), rel=0.12)


def test_a_closed_loop_obeys_littles_law_and_its_slowest_part() -> None:
    stations = [
        Station("decode", 10.0, 2),
        Station("detector", 40.0, 4, ("decode",)),
        Station("classifier", 8.0, 2, ("decode",)),
        Station("embedder", 60.0, 4, ("detector", "classifier")),
    ]
    for callers in (1, 4, 16):
        found = closed_loop(stations, Machine(4), callers)
        assert found.rate * found.latencies.mean() / 1000 == pytest.approx(callers, rel=0.05)
    alone = closed_loop(stations, Machine(4), 1)
    assert alone.latencies.mean() == pytest.approx(10 + 40 + 60, rel=0.05), "the classifier works beside the detector"
    assert closed_loop(stations, Machine(4), 16).rate == pytest.approx(4000 / 118, rel=0.05), "four cores, 118 ms each"
    one = [Station(s.name, s.work_ms, 1, s.after) for s in stations]
    assert closed_loop(one, Machine(4), 16).rate == pytest.approx(1000 / 60, rel=0.05), "one instance of the slowest"


def test_contention_slows_full_machines_alone() -> None:
    station = [Station("one", 50.0, 4)]
    assert closed_loop(station, Machine(4, 0.1), 1).rate == pytest.approx(20, rel=0.03)
    assert closed_loop(station, Machine(4, 0.1), 8).rate == pytest.approx(80 / 1.3, rel=0.03)


def test_parts_shorten_a_picture_and_not_the_work() -> None:
    alone, split = Station("one", 40.0, 4, spread=0), Station("one", 40.0, 4, spread=0, parts=4)
    assert closed_loop([split], Machine(4), 1).latencies.mean() == pytest.approx(10)
    assert closed_loop([alone], Machine(4), 1).latencies.mean() == pytest.approx(40)
    for station in (alone, split):
        assert closed_loop([station], Machine(4), 8).rate == pytest.approx(100, rel=0.01)
