"""Keys are made, listed, revoked and rotated in a file that holds no secret; servers follow the file."""

from __future__ import annotations

import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

from whatsit.gateway import keys as module
from whatsit.gateway.keys import KeyFile, KeyRing, Role, default_keys_file, split_key


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "config" / "keys.json")


@pytest.fixture(autouse=True)
def _look_at_the_file_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHECK_SECONDS", -1.0)


def test_a_new_key_opens_and_its_file_holds_no_secret(file: KeyFile) -> None:
    full = file.add("phone", "edit", rate=5.0, catalogues=("shop",))
    id, secret = split_key(full)
    found = KeyRing(file).find(full)
    assert found is not None
    assert (found.id, found.name, found.role, found.rate, found.catalogues) == (id, "phone", "edit", 5.0, ("shop",))
    assert len(secret) >= 43  # 256 bits
    assert secret not in file.path.read_text()
    assert [key.name for key in file.read()] == ["phone"]


@pytest.mark.parametrize("before", [None, 0o644], ids=["new", "left by an interrupted change"])
def test_only_the_owner_reads_the_file(file: KeyFile, before: int | None) -> None:
    if before is not None:
        file.path.parent.mkdir()
        left = file.path.with_name("keys.json.new")
        left.write_text("left")
        left.chmod(before)
    file.add("phone", "search")
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.revoke("phone")
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_two_keys_differ(file: KeyFile) -> None:
    made = {file.add(f"holder{number}", "search") for number in range(20)}
    assert len(made) == len({split_key(key)[0] for key in made}) == 20


@pytest.mark.parametrize("named_by", ["name", "id"])
def test_a_revoked_key_opens_nothing(file: KeyFile, named_by: str) -> None:
    full, other = file.add("phone", "search"), file.add("desk", "search")
    ring = KeyRing(file)
    assert ring.find(full)
    file.revoke("phone" if named_by == "name" else split_key(full)[0])
    assert ring.find(full) is None
    assert ring.find(other)
    assert [bool(key.revoked) for key in file.read()] == [True, False]
    assert len(ring) == 1


def test_a_rotated_key_has_the_same_rights(file: KeyFile) -> None:
    old = file.add("phone", "edit", 3.0, ("shop",))
    new = file.rotate("phone")
    ring = KeyRing(file)
    found = ring.find(new)
    assert ring.find(old) is None
    assert found
    assert (found.name, found.role, found.rate, found.catalogues) == ("phone", "edit", 3.0, ("shop",))


def test_a_name_is_free_again_after_revocation(file: KeyFile) -> None:
    first = file.add("phone", "search")
    file.revoke("phone")
    second = file.add("phone", "search")
    file.revoke("phone")
    assert KeyRing(file).find(first) is None
    assert KeyRing(file).find(second) is None


@pytest.mark.parametrize(
    ("name", "role", "rate"),
    [
        ("", "search", None),
        ("a b", "search", None),
        ("a\n", "search", None),
        ("a" * 65, "search", None),
        ("../a", "search", None),
        ("phone", "owner", None),
        ("phone", "", None),
        ("phone", "search", 0.0),
        ("phone", "search", -1.0),
        ("phone", "search", float("nan")),
        ("phone", "search", float("inf")),
    ],
)
def test_what_no_key_can_have_is_refused(file: KeyFile, name: str, role: str, rate: float | None) -> None:
    with pytest.raises(InvalidInput, match=r"\.$|_ -$|admin"):
        file.add(name, role, rate)
    assert file.read() == ()


def test_a_taken_name_is_refused(file: KeyFile) -> None:
    full = file.add("phone", "search")
    with pytest.raises(InvalidInput, match="phone"):
        file.add("phone", "admin")
    with pytest.raises(InvalidInput, match=split_key(full)[0]):  # else `revoke` could mean either
        file.add(split_key(full)[0], "admin")


@pytest.mark.parametrize("change", ["revoke", "rotate"])
def test_an_unknown_key_cannot_be_changed(file: KeyFile, change: str) -> None:
    file.add("phone", "search")
    with pytest.raises(InvalidInput, match="whatsit keys list"):
        getattr(file, change)("desk")


@pytest.mark.parametrize("text", ["", "wk", "wk_", "wk__", "wk_1", "Bearer", "wk_{id}_", "wk_{id}_{other}", "é\ud800"])
def test_other_texts_open_nothing(file: KeyFile, text: str) -> None:
    id = split_key(file.add("phone", "search"))[0]
    assert KeyRing(file).find(text.replace("{id}", id).replace("{other}", "A" * 43)) is None


def test_every_refusal_compares_a_digest(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller cannot tell by the time whether an id exists."""
    full = file.add("phone", "search")
    compared, real = [], hmac.compare_digest

    def counting(first: str, second: str) -> bool:
        compared.append((len(first), len(second)))
        return real(first, second)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    ring = KeyRing(file)
    for text in (full, full[:-1] + "?", "wk_00000000_" + "a" * 43, ""):
        ring.find(text)
    assert compared == [(64, 64)] * 4


def test_a_ring_follows_keys_made_later(file: KeyFile) -> None:
    ring = KeyRing(file)
    assert len(ring) == 0
    full = file.add("phone", "search")
    assert ring.find(full)


def test_a_ring_looks_at_the_file_no_more_often_than_told(file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0.25)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    full = file.add("phone", "search")
    ring = KeyRing(file)
    file.revoke("phone")
    assert ring.find(full)
    now += 0.26
    assert ring.find(full) is None


def record(**changes: Any) -> str:
    return json.dumps([{"id": "1", "name": "a", "role": "edit", "digest": "0" * 64, "created": "", **changes}])


DAMAGED = {
    "cut off": "[{",
    "no list": '{"phone": 1}',
    "a number": "1",
    "other records": '[{"name": "phone"}]',
    "no digest": record(digest=None),
    "short digest": record(digest="ab"),
    "role that is none": record(role="owner"),
    "rate that is none": record(rate="x"),
    "catalogues that are none": record(catalogues="shop"),
    "nested": "[" * 100_000,
    "no text": "\x00\xff",
    "empty": "",
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_opens_nothing(file: KeyFile, text: str) -> None:
    full = file.add("phone", "admin")
    good = file.path.read_text()
    ring = KeyRing(file)
    file.path.write_text(text, encoding="latin-1")
    assert ring.find(full) is None
    assert len(ring) == 0
    with pytest.raises(Damaged, match="keys.json"):
        file.read()
    with pytest.raises(Damaged):
        KeyRing(file)
    with pytest.raises(Damaged):
        file.revoke("phone")
    assert file.path.read_text(encoding="latin-1") == text
    file.path.write_text(good)
    assert ring.find(full)


def test_a_file_that_is_damaged_from_its_beginning_opens_nothing(file: KeyFile) -> None:
    ring = KeyRing(file)
    file.path.parent.mkdir()
    file.path.write_text("[")
    assert ring.find("wk_00000000_a") is None


def test_a_deleted_file_opens_nothing(file: KeyFile) -> None:
    full = file.add("phone", "admin")
    ring = KeyRing(file)
    file.path.unlink()
    assert ring.find(full) is None


def test_a_file_that_cannot_be_written_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"keys\.json"):
        KeyFile(tmp_path / "file" / "keys.json").add("phone", "search")
    with pytest.raises(Unavailable):
        KeyFile(tmp_path).read()


@pytest.mark.parametrize("name", ["keys", "keys.lock", "keys.new", ".keys"])
def test_any_name_of_the_file_will_do(tmp_path: Path, name: str) -> None:
    file = KeyFile(tmp_path / name)
    file.add("phone", "search")
    file.add("desk", "search")
    assert [key.name for key in file.read()] == ["phone", "desk"]


def test_the_environment_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(module.KEYS_VARIABLE, str(tmp_path / "k.json"))
    assert default_keys_file() == tmp_path / "k.json"
    monkeypatch.delenv(module.KEYS_VARIABLE)
    assert default_keys_file().name == "keys.json"


def test_roles_include_those_before() -> None:
    assert Role.parse("Search") < Role.parse("edit") < Role.parse("ADMIN")


def test_two_commands_at_once_lose_nothing(file: KeyFile) -> None:
    """Each waits for the other's lock."""
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: file.add(f"holder{number}", "search"), range(6)))
    assert len(file.read()) == 6
