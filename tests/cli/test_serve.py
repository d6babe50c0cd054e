"""`whatsit serve`: refused options, and what it prints."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput

from whatsit.cli.app import app
from whatsit.cli.serve import _signals_ignored
from whatsit.cli.serve_addresses import Addresses, reachable


@pytest.mark.parametrize(
    "option",
    [
        ["--keys", "keys.json"],
        ["--open", "search"],
        ["--tls-cert", "c.pem"],
        ["--tls-key", "k.pem"],
        ["--origin", "https://shop.example"],
        ["--rate", "5"],
        ["--audit-log", "audit"],
        ["--access-log", "-"],
    ],
)
def test_bare_refuses_options_of_the_gateway(tmp_path: Path, option: list[str]) -> None:
    run = CliRunner().invoke(app, ["serve", "--catalogue", str(tmp_path), "--bare", *option])
    assert isinstance(run.exception, InvalidInput)
    assert option[0] in str(run.exception)
    assert "--bare" in str(run.exception)


def test_bare_refuses_keys_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_KEYS", str(tmp_path / "keys.json"))
    run = CliRunner().invoke(app, ["serve", "--catalogue", str(tmp_path), "--bare"])
    assert isinstance(run.exception, InvalidInput)
    assert "WHATSIT_KEYS" in str(run.exception)


def test_addresses_of_a_gateway() -> None:
    text = Addresses("127.0.0.1:8080", "127.0.0.1:8001", 8000, page=True).text("localhost:8002")
    assert text.splitlines() == [
        "Open http://127.0.0.1:8080 in a browser",
        "HTTP 127.0.0.1:8080 and port 8000  gRPC 127.0.0.1:8001  metrics localhost:8002",
        "Try: whatsit identify photo.jpg --url 127.0.0.1:8001    (Ctrl-C stops the server)",
    ]


def test_addresses_with_tls_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    text = Addresses("0.0.0.0:8080", "0.0.0.0:8001", 0, tls=True, needs_key=True, page=True).text("localhost:8002")
    assert text.splitlines() == [
        "Open https://localhost:8080 in a browser",
        "HTTP 0.0.0.0:8080  gRPC grpcs://0.0.0.0:8001  metrics localhost:8002",
        "Try: WHATSIT_KEY=wk_… whatsit identify photo.jpg --url grpcs://localhost:8001    (Ctrl-C stops the server)",
    ]


def test_a_bare_triton_has_no_page() -> None:
    assert "Open" not in Addresses("127.0.0.1:8000", "127.0.0.1:8001").text("127.0.0.1:8002")


def test_a_machine_whose_name_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "absent.invalid")

    def fail(*_: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert reachable("0.0.0.0:8001") == "127.0.0.1:8001"
    assert reachable("[::]:8001") == "[::1]:8001"
    assert reachable("shop.example:8001") == "shop.example:8001"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_do_not_interrupt_stopping(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with _signals_ignored():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_second_signal_does_not_leave_anything_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Interrupted:
        def __init__(self, *_: object) -> None:
            pass

        def start(self, _: object) -> None:
            raise KeyboardInterrupt

        def stop(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("stopped")

    monkeypatch.setattr("whatsit.server.supervisor.Supervisor", Interrupted)
    monkeypatch.setattr("whatsit.server.launcher.Server", lambda *_, **__: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # of the state's file
    before = signal.getsignal(signal.SIGTERM)
    try:
        run = CliRunner().invoke(
            app,
            ["serve", "--catalogue", str(tmp_path), "--bare", "--target", "onnxruntime"],
            env={"WHATSIT_KEYS": None},
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert run.exit_code == 0, run.output
    assert done == ["stopped"]
    assert not list(tmp_path.glob("whatsit-gateway-*")), "the temporary files are removed"
