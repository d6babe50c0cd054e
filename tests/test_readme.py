"""Run every code block of README.md and docs/, in order and in one folder, as a reader would.

README.md comes first; its server serves the pages of docs/, which follow in the order of `mkdocs.yml`. Blocks tagged
`bash` and `python` are run; the only other tag is `text`. An HTML comment in the line before a block says what is
special about it:

- `<!-- readme: server -->`: the command starts a server and does not end. It is started on free ports, the later blocks
  talk to it, and it is stopped at the end.
- `<!-- readme: skip REASON -->`: not run, for the reason given.

The folder holds what `make demo` leaves there: a (small) shop and scenes. `make` itself runs as `make --dry-run`, which
proves that the target exists without setting up an environment inside a test, and `curl` as `curl --fail`, so that a
refusal is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(r"^```(\w*)\s*$")
_DIRECTIVE = re.compile(r"^<!-- readme: (\w+) ?(.*?) ?-->$")
_PRELUDE = """set -e -o pipefail
make() { command make --dry-run --directory "$README_ROOT" "$@"; }
curl() { command curl --fail --silent --show-error "$@"; }
"""
_READY_SECONDS = 300


@dataclass(frozen=True)
class Block:
    """One fenced block: its page, tag, first line's number, text and what the comment before it says."""

    page: str
    tag: str
    line: int
    text: str
    directive: str
    argument: str


@dataclass
class Ground:
    """The folder in which the blocks run, and the server that one of them started."""

    folder: Path
    environment: dict[str, str]
    http_url: str = "localhost:8080"
    grpc_url: str = "localhost:8001"
    metrics_url: str = "localhost:8002"
    server: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)

    def localised(self, text: str) -> str:
        """The text with the addresses of the server that really runs."""
        for told, real in (
            ("8080", self.http_url),
            ("8000", self.http_url),
            ("8001", self.grpc_url),
            ("8002", self.metrics_url),
        ):
            text = text.replace(f"localhost:{told}", real)
        return text


def read_blocks(text: str, page: str = "README.md") -> list[Block]:
    blocks, lines, number = [], text.splitlines(), 0
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        if not opened:
            number += 1
            continue
        end = lines.index("```", number + 1)
        before = _DIRECTIVE.match(lines[number - 1]) if number else None
        directive, argument = before.groups() if before else ("", "")
        blocks.append(Block(page, opened[1], number + 1, "\n".join(lines[number + 1 : end]), directive, argument))
        number = end + 1
    return blocks


def all_blocks() -> list[Block]:
    """Return the blocks of README.md and of docs/, in the order of the site's navigation."""
    navigation = re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    pages = ["README.md", *(f"docs/{name}" for name in navigation if (ROOT / "docs" / name).is_file())]
    return [block for page in pages for block in read_blocks((ROOT / page).read_text(encoding="utf-8"), page)]


def _parameters() -> list[object]:
    """Return the blocks to run; those from the server on are marked `triton`."""
    parameters: list[object] = []
    marks: list[pytest.MarkDecorator] = []
    for block in all_blocks():
        if block.tag in {"bash", "python"}:
            if block.directive == "server":
                marks = [pytest.mark.triton]
            parameters.append(pytest.param(block, id=f"{block.page} line {block.line}", marks=marks))
    return parameters


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    from whatsit.rendering.product import make_products
    from whatsit.rendering.shop import write_scenes, write_shop

    folder = tmp_path_factory.mktemp("readme")
    write_shop(folder / "demo" / "shop", 24, seed=1)
    write_scenes(folder / "demo" / "scenes", make_products(24, 1), 3, seed=1)
    programs = str(Path(sys.executable).parent)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").write_text(f'export PATH="{programs}:$PATH"\n')
    environment = {**os.environ, "README_ROOT": str(ROOT), "COLUMNS": "200"}
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    made = Ground(folder, environment)
    yield made
    if made.server is not None:
        made.server.send_signal(signal.SIGTERM)  # a test run in the background may have Ctrl-C ignored
        try:
            code = made.server.wait(60)
        except subprocess.TimeoutExpired:
            made.server.kill()
            raise
        assert code == 0, "".join(made.said)


@pytest.mark.parametrize("block", _parameters())
@pytest.mark.slow
def test_block(block: Block, ground: Ground) -> None:
    if block.directive == "skip":
        pytest.skip(block.argument or f"{block.page} gives no reason")
    for program in ("curl", "make"):
        if re.search(rf"^{program} ", block.text, re.MULTILINE) and not shutil.which(program):
            pytest.skip(f"the program {program} is not installed")
    if block.directive == "server":
        _start(block, ground)
    elif block.tag == "python":
        _run([sys.executable, "-c", ground.localised(block.text)], ground)
    else:
        _run(["bash", "-c", _PRELUDE + ground.localised(block.text)], ground)


def _run(command: list[str], ground: Ground) -> None:
    environment = {**ground.environment, "WHATSIT_URL": ground.grpc_url}
    run = subprocess.run(
        command, cwd=ground.folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    assert "Traceback" not in run.stderr


def _start(block: Block, ground: Ground) -> None:
    """Start the block's server on free ports and wait until it says where it listens."""
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    command = (
        f"exec {block.text} --port 0 --http-port 0 --grpc-port 0 --metrics-port 0 --ready-timeout {_READY_SECONDS}"
    )
    server = ground.server = subprocess.Popen(
        ["bash", "-c", command],
        cwd=ground.folder,
        env=ground.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told = threading.Event()

    def listen() -> None:
        assert server.stdout is not None
        for line in server.stdout:
            ground.said.append(line)
            where = re.search(r"HTTP\s+(\S+)\s+gRPC\s+(\S+)\s+metrics\s+http://([^/\s]+)", " ".join(ground.said))
            if where:
                ground.http_url, ground.grpc_url, ground.metrics_url = where.groups()
                told.set()
        told.set()  # it ended

    threading.Thread(target=listen, daemon=True).start()
    told.wait(_READY_SECONDS)
    assert ground.http_url != "localhost:8080", "".join(ground.said) or "the server said nothing"


def test_every_block_is_run_or_says_why_not(record_property: Callable[[str, object], None]) -> None:
    blocks = all_blocks()
    assert {block.tag for block in blocks} <= {"bash", "html", "python", "text"}
    code = [block for block in blocks if block.tag != "text"]
    assert all(block.argument for block in code if block.directive == "skip")
    executed = sum(block.directive != "skip" for block in code)
    record_property("executed_blocks", executed)
    print(f"{executed} of {len(code)} code blocks are executed")  # README.md of 1c405fc: 13 of 22
    assert executed > 20


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert not [page for page in pages if page not in navigation]


def test_blocks_are_found_with_their_comments() -> None:
    text = "a\n<!-- readme: skip needs a moon -->\n```bash\nfly\nland\n```\n```text\nno\n```\n```python\nx = 1\n```\n"
    first, second, third = read_blocks(text)
    assert (first.tag, first.line, first.text) == ("bash", 3, "fly\nland")
    assert (first.directive, first.argument) == ("skip", "needs a moon")
    assert (second.tag, third.tag, third.text, third.directive) == ("text", "python", "x = 1", "")
