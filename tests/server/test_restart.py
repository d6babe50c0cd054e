"""`whatsit serve` outlives a crash of Triton, and a working directory full of files named like modules."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from whatsit_client import Client

pytestmark = pytest.mark.triton


def test_a_crash_of_triton_is_a_pause(catalogue: Path, shop: Path, tmp_path: Path) -> None:
    for name in ("cv2.py", "faiss.py", "onnxruntime.py", "json.py"):
        (tmp_path / name).write_text("raise RuntimeError('the server imported a file of its user')")
    before = _regions()
    command = [str(Path(sys.executable).parent / "whatsit"), "serve", "--catalogue", str(catalogue)]
    command += ["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0"]
    environment = {**os.environ, "COLUMNS": "300"}
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as process,
        _ended(process),
    ):
        address = _line(process, "gRPC").split("gRPC ")[1].split()[0]
        os.kill(_tritonserver(process.pid), signal.SIGSEGV)
        assert re.search(r"signal \(?11", _line(process, "starting it again"))  # it ends, or hangs in its own handler
        _line(process, "ready again")
        picture = sorted((shop / "images").glob("*.jpg"))[0]
        with Client(address) as client:
            assert client.identify(picture, gate=False).regions[0].matches[0].item.id == picture.stem
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
    assert _regions() <= before


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process that a failed test leaves, or its pipe would be waited for."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()


def _line(process: subprocess.Popen[str], words: str) -> str:
    """The next line of stderr with these words."""
    assert process.stderr is not None
    while True:
        line = process.stderr.readline()
        assert line, f"the command ended before it said '{words}'"
        if words in line:
            return line


def _tritonserver(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(pid) for pid in children if "tritonserver" in Path(f"/proc/{pid}/cmdline").read_text())


def _regions() -> set[str]:
    """Whatsit's regions of shared memory whose server does not run."""
    regions = {path.name for path in Path("/dev/shm").glob("whatsit-*")}
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = command.read_text()
        except OSError:
            continue
        # "whatsit-FOLDER-": how the names of that server's regions begin
        regions = {name for name in regions if "-".join(name.split("-")[:2]) + "-" not in text}
    return regions
