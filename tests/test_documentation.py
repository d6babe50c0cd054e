"""What the documentation names exists, from commands to paths, and the site builds without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "perf" / "README.md"])
TOP = "whatsit|client|build|perf|tests|docs|model_repository|ensembles|fused"
# Written by a command, and not part of the repository; placeholders.
MADE = re.compile(r"^build/runs|^perf/tools|^perf/results/gpu|NAME|PACKAGE")


def current(page: Path) -> str:
    """Return the text of a page; of the changelog, which names what is gone, only its links."""
    text = page.read_text(encoding="utf-8")
    return "\n".join(re.findall(r"\]\([^)]*\)", text)) if page.name == "CHANGELOG.md" else text


def code(text: str) -> Iterator[str]:
    """Yield every line of the blocks, lines that end in a backslash joined, and every inline span."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    for span in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        yield " ".join(span.split())


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words behind `whatsit` of every command in a text."""
    for line in code(text):
        for part in re.split(r"&&|\|\||;| \| ", re.sub(r"\s#.*", "", line)):
            found = re.match(r"""(?:.*sh -c ["'])?\s*whatsit ([a-z].*)""", part)
            if found and "…" not in found[1]:
                yield re.findall(r"""'[^']*'|"[^"]*"|[^\s"']+""", found[1])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(page: Path) -> None:
    from typer.main import get_command

    from whatsit.cli.app import app

    wrong = []
    for words in commands(current(page)):
        command: Any = get_command(app)
        rest = list(words)
        while rest and hasattr(command, "commands") and rest[0] in command.commands:
            command = command.commands[rest.pop(0)]
        if rest and hasattr(command, "commands"):
            wrong.append(f"whatsit {' '.join(words)}: no command {rest[0]}")
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        options = {word.split("=")[0] for word in rest if word.startswith("--")}
        wrong += [f"whatsit {' '.join(words)}: no option {option}" for option in options - known]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_modules_and_targets_exist(page: Path) -> None:
    text = current(page)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    wrong = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    for line in code(text):
        paths = [found.rstrip(".-/") for found in re.findall(rf"(?<![\w./:@-])((?:{TOP})/[\w./*-]+)", line)]
        wrong += [path for path in paths if not MADE.search(path) and not any(ROOT.glob(path))]
        for module in re.findall(r"(?:python -m |^)(perf(?:\.[a-z_]\w*)+)", line):
            path = ROOT.joinpath(*module.split("."))
            if not path.is_dir() and not path.with_suffix(".py").is_file():
                wrong.append(module)
        targets = re.findall(r"(?:^|\s)make ([a-z-]+)", line)
        wrong += [f"make {name}" for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)]
    assert not wrong


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: the extra docs has it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in tmp_path.rglob("*.html")}
    assert "whatsit catalogue publish" in pages["cli.html"]
    assert "AsyncClient" in pages["api/client.html"]
    elsewhere = re.compile(r'<(?:script|link|img)[^>]+(?:src|href)="https?://')
    assert not [name for name, page in pages.items() if elsewhere.search(page)]
