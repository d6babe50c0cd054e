"""Starting a server where something is missing, taken, damaged or foreign: one clear sentence each."""

from __future__ import annotations

import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput, Unavailable, WhatsitError

from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.index.generation_writer import write_generation
from whatsit.server import installation
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports


def sentence(error: pytest.ExceptionInfo[WhatsitError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith((".", ")."))
    return text


def start(catalogue: Path) -> None:
    Server(catalogue, ports=Ports(0, 0, 0)).start()


def test_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="whatsit catalogue add") as error:
        start(tmp_path / "nowhere")
    sentence(error)


def test_nothing_published(tmp_path: Path) -> None:
    with Store(Layout(tmp_path).store):
        pass
    with pytest.raises(Unavailable, match="whatsit catalogue publish") as error:
        start(tmp_path)
    sentence(error)


def test_index_of_another_embedder(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with Store(layout.store):
        pass
    write_generation(layout.index, np.eye(3, 128, dtype=np.float32), np.arange(1, 4), "another-embedder")
    with pytest.raises(InvalidInput, match="another-embedder") as error:
        start(tmp_path)
    sentence(error)


def test_damaged_index(catalogue: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(catalogue, copy)
    shard = max((copy / "index").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.raises(Damaged) as error:
        start(copy)
    sentence(error)


def test_catalogue_that_is_no_database(tmp_path: Path, catalogue: Path) -> None:
    shutil.copytree(catalogue / "index", tmp_path / "index")
    Layout(tmp_path).store.write_bytes(b"this is no database" * 100)
    with pytest.raises(WhatsitError) as error:
        start(tmp_path)
    sentence(error)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(Layout(tmp_path).store).execute("SELECT 1 FROM items")


def test_port_in_use(catalogue: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"gRPC port {port}") as error:
            Server(catalogue, ports=Ports(0, port, 0))
    sentence(error)


def test_missing_network(catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "model_repository").mkdir()
    (tmp_path / "ensembles").mkdir()
    with pytest.raises(Unavailable, match="whatsit build detector") as error:
        Server(catalogue, root=tmp_path, ports=Ports(0, 0, 0)).start()
    sentence(error)


def test_python_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.Path, "is_file", lambda self: "libpython" not in self.name)
    with pytest.raises(Unavailable, match="apt-get install libpython") as error:
        installation.find_installation()
    sentence(error)


def test_triton_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="pip install") as error:
        installation.find_installation()
    sentence(error)


@pytest.mark.triton
def test_a_start_that_fails_leaves_no_folder(catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("whatsit.server.launcher.lay_out_served", full)
    with pytest.raises(OSError, match="No space left"), Server(catalogue, ports=Ports(0, 0, 0)):
        pass
    assert not list(tmp_path.iterdir())


def test_interrupt_stops_everything_that_was_started(catalogue: Path) -> None:
    """Ctrl-C on `whatsit serve`: a zero exit code's worth of order, and no process of the server is left."""
    command = [sys.executable, "-m", "whatsit.cli", "serve", "--catalogue", str(catalogue)]
    command += ["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line, said = "", ""
        while "HTTP" not in line:
            line = process.stderr.readline()
            said += line
            assert line or process.poll() is None, f"the server ended before it was ready: {said}"
        address = line.split("HTTP ")[1].split()[0]
        assert urllib.request.urlopen(f"http://{address}/v2/health/ready").status == 200
        children = _descendants(process.pid)
        assert any("tritonserver" in _command(pid) for pid in children)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and any("triton" in _command(pid) for pid in children):
        time.sleep(0.1)
    assert not [pid for pid in children if "triton" in _command(pid)]


def _descendants(pid: int) -> list[int]:
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    found, frontier = [], [pid]
    while frontier:
        frontier = [child for child, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def _command(pid: int) -> str:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return "" if state == "Z" else Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
