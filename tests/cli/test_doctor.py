"""`whatsit doctor`: what it finds wrong, and what it says to do."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from whatsit.catalogue import Layout, Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.publish import publish
from whatsit.cli.app import app
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file
from whatsit.server.doctor import installation_check, machine_check


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["doctor", *map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)["checks"]


def found(checks: Any, area: str, *states: str) -> list[str]:
    return [f"{one['what']} -> {one['advice']}" for one in checks if one["area"] == area and one["state"] in states]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fingerprint = embedder_fingerprint(network_file(default_root() / "model_repository", "embedder"))
    folder = tmp_path / "catalogue"
    (tmp_path / "a.jpg").write_bytes(b"a")
    with Store(Layout(folder).store) as store:
        vector = Vector((0.0, 0.0, 1.0, 1.0), np.eye(128, dtype=np.float32)[0])
        store.put([(ItemFields("A"), [Picture(str(tmp_path / "a.jpg"), "sha", (vector,))], fingerprint)])
        publish(store, Layout(folder).index)
    return folder


def test_a_sound_catalogue(folder: Path) -> None:
    checks = run(folder)
    assert not [one for one in checks if one["state"] == "wrong"]
    assert any("1 items" in one for one in found(checks, "catalogue", "ok"))
    assert any("whatsit calibrate" in one for one in found(checks, "catalogue", "note"))
    said = CliRunner().invoke(app, ["doctor", str(folder)]).stdout
    assert "0 wrong." in said
    assert "libraries: whatsit" in said


def test_what_is_wrong_with_a_catalogue_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").unlink()
    assert any("1 of the first 1 pictures are not where" in one for one in found(run(folder), "catalogue", "note"))
    shutil.rmtree(Layout(folder).index)
    assert any(
        "nothing is published -> whatsit catalogue publish" in one
        for one in found(run(folder, code=1), "catalogue", "wrong")
    )
    Layout(folder).store.write_bytes(b"no database, whatever its name says" * 100)
    assert any("is damaged" in one for one in found(run(folder, code=1), "catalogue", "wrong"))
    assert any("whatsit catalogue add" in one for one in found(run(tmp_path / "none", code=1), "catalogue", "wrong"))


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(installation_check, "_PORTS", {port: "the gateway's HTTP"})
        monkeypatch.setattr(installation_check, "_OPTIONS", {port: "--port"})
        (said,) = found([vars(one) for one in installation_check.check_ports()], "ports", "note")
    assert f"port {port} (the gateway's HTTP) is taken" in said
    assert said.endswith("with --port")


def test_missing_packages_and_networks_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation_check, "_NEEDED", {"serve": {"no-such-package": "no_such_package"}})
    said = [f"{one.what} -> {one.advice}" for one in installation_check.check_libraries() if one.state == "wrong"]
    assert "no-such-package is missing -> pip install 'whatsit[serve]'" in said
    assert {one.state for one in installation_check.check_networks(tmp_path)} == {"wrong"}


def test_little_memory_and_disk_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_check, "_MEMORY", 2**60)
    monkeypatch.setattr(machine_check, "_DISK", 2**60)
    monkeypatch.setattr(machine_check, "_SHARED", 2**60)
    states = {one.what.split()[-1]: one.state for one in machine_check.check_machine()}
    assert "wrong" in states.values()
    assert any("docker run --shm-size" in one.advice for one in machine_check.check_machine())
