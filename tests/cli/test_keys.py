"""The commands of `whatsit keys`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner
from whatsit_client.errors import WhatsitError

from whatsit.cli.keys import app
from whatsit.gateway.keys import KeyFile, KeyRing


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHATSIT_KEYS", str(tmp_path / "keys.json"))
    return tmp_path / "keys.json"


def run(*arguments: str) -> str:
    """Return what a command that succeeds prints on standard output."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_key_is_printed_once_and_opens(file: Path) -> None:
    full = run("add", "phone", "--role", "edit", "--rate", "20", "--catalogue", "shop", "--catalogue", "plants").strip()
    found = KeyRing(KeyFile(file)).find(full)
    assert found
    assert (found.name, found.role, found.rate, found.catalogues) == ("phone", "edit", 20.0, ("shop", "plants"))
    secret = full.split("_", 2)[2]
    assert secret not in run("list")
    assert secret not in run("list", "--json")


def test_keys_are_listed(file: Path) -> None:
    run("add", "phone")
    run("add", "desk", "--role", "admin")
    run("revoke", "phone")
    assert "phone" in run("list")
    records = json.loads(run("list", "--json"))
    assert [(one["name"], one["role"], bool(one["revoked"])) for one in records] == [
        ("phone", "search", True),
        ("desk", "admin", False),
    ]
    assert all("digest" not in one for one in records)


def test_revoke_and_rotate(file: Path) -> None:
    first = run("add", "phone").strip()
    second = run("rotate", "phone").strip()
    ring = KeyRing(KeyFile(file))
    assert (ring.find(first), bool(ring.find(second))) == (None, True)
    assert second not in run("revoke", "phone")
    assert KeyRing(KeyFile(file)).find(second) is None


def test_a_file_may_be_named(tmp_path: Path, file: Path) -> None:
    run("add", "phone", "--keys", str(tmp_path / "other.json"))
    assert (tmp_path / "other.json").is_file()
    assert not file.exists()
    assert json.loads(run("list", "--json")) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "a b"], "cannot name a key"),
        (["add", "phone", "--role", "owner"], "There is no role 'owner'"),
        (["add", "phone", "--rate", "0"], "positive"),
        (["add", "phone", "--rate", "1e-310"], "positive"),
        (["add", "phone", "--rate", "nan"], "positive"),
        (["add", "taken"], "already"),
        (["revoke", "absent"], "no valid key 'absent'"),
        (["rotate", "absent"], "no valid key 'absent'"),
        (["list", "--keys", "."], "cannot be read"),
    ],
)
def test_bad_input_is_one_sentence(file: Path, arguments: list[str], words: str) -> None:
    run("add", "taken")
    before = file.read_text()
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, WhatsitError)  # `whatsit` prints its sentence
    assert words in str(result.exception)
    assert str(result.exception).count("\n") == 0
    assert file.read_text() == before


def test_a_damaged_file_is_one_sentence(file: Path) -> None:
    file.write_text("[{}]")
    result = CliRunner().invoke(app, ["list"])
    assert isinstance(result.exception, WhatsitError)
    assert "restore it" in str(result.exception)
