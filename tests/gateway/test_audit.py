"""Logs are JSON Lines that are whole, whatever callers send."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from whatsit_client.errors import Unavailable

from whatsit.gateway.access import Caller
from whatsit.gateway.audit import AuditLog, JsonLog
from whatsit.gateway.keys import Role

CALLER = Caller("phone", "1a2b", Role.EDIT, "1.2.3.4")


def test_a_change_is_a_line_that_says_who_what_and_when(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.record(CALLER, "upsert", "shop", ["A1"], True, "f" * 32)
    log.record(CALLER, "delete", "shop", ["A1", "line\nfeed"], False, "f" * 32)
    first, second = (json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "request": "f" * 32,
        "key": "phone",
        "key_id": "1a2b",
        "address": "1.2.3.4",
        "operation": "upsert",
        "catalogue": "shop",
        "ids": ["A1"],
        "done": True,
    }
    assert (second["ids"], second["done"]) == (["A1", "line\nfeed"], False)


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        JsonLog(tmp_path / "log.jsonl").write({"a": 1})
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2


def test_no_log_is_no_log() -> None:
    JsonLog(None).write({"a": 1})


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLog("-").write({"a": 1})
    assert json.loads(capsys.readouterr().out)["a"] == 1


@pytest.mark.parametrize("value", ["\ud800", "é", "\x00\x1f", "a" * 100_000, 1 << 80, "\u2028"])
def test_any_value_is_one_line(tmp_path: Path, value: object) -> None:
    log = JsonLog(tmp_path / "log.jsonl")
    log.write({"value": value})
    log.write({"value": 1})
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"time", "value"}] * 2


def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        JsonLog(tmp_path / "nowhere" / "log.jsonl")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_loses_a_line_and_no_request() -> None:
    log = JsonLog("/dev/full")
    log.write({"a": 1})
    log.write({"a": 2})
