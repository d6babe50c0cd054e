"""Samples agree with Pillow, and mutated files do no harm, on small numbers of both."""

from __future__ import annotations

import multiprocessing
from collections import Counter

import pytest

from perf.pictures import agreement, mutations
from perf.pictures.mutations import Outcome, decode_all, mutated, seeds
from perf.pictures.samples import SMALL, register_heif, samples


def test_every_small_sample_is_opened_or_refused_and_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    register_heif()
    monkeypatch.setattr(agreement, "samples", lambda: samples(SMALL))
    rows = list(agreement.measure())
    outcomes = Counter(row.outcome for row in rows)
    assert outcomes["opened"] > 300
    assert outcomes["failed"] == 0
    assert not [row for row in rows if row.difference > agreement.MOST_LEVELS and not row.note]
    refused = {row.name.split()[0] for row in rows if row.outcome == "refused"}
    assert refused <= {
        "ICO",
        "PPM",
        "TGA",
        "PCX",
        "SGI",
        "DDS",
        "PDF",
        "IM",
        "MSP",
        "XBM",
        "QOI",
        "EPS",
        "SPIDER",
        "BLP",
    }


def test_mutated_files_are_decoded_or_refused() -> None:
    (outcome,) = decode_all(seed=1, first=0, count=300)
    assert outcome.failed == 0
    assert outcome.opened + outcome.refused == outcome.files == 300
    assert outcome.opened > 30


def test_a_mutation_can_be_made_again() -> None:
    files = seeds()
    assert mutated(files, 3, 17) == mutated(files, 3, 17) != mutated(files, 3, 18)


def test_crashes_and_hangs_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    context = multiprocessing.get_context("fork")
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: context)
    monkeypatch.setattr(mutations, "_child", _fall)
    found = list(mutations.watch(seed=0, first=0, count=3))
    assert [type(one) for one in found] == [str, Outcome]
    assert found[0] == "file 1 of seed 0 ended the process with 7"


def _fall(seed: int, first: int, count: int, reply: mutations.Connection) -> None:
    for number in range(first, first + count):
        reply.send(number)
        if number == 1:
            raise SystemExit(7)
    reply.send(Outcome(count))
