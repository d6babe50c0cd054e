"""Commands, options, modules, targets and paths that the documentation names exist; the site builds without a warning."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "perf" / "README.md"])
TOP = "whatsit|client|build|perf|tests|docs|model_repository|ensembles|fused|demo"
# Written by a command, and not part of the repository.
MADE = ("build/runs", "demo/", "perf/tools", "perf/results/gpu")


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
    """Yield the words of every `whatsit` command in a text."""
    for line in code(text):
        for part in re.split(r"&&|\|\||;| \| ", re.sub(r"\s#.*", "", line)):
            found = re.match(r"""(?:.*sh -c ")?\s*whatsit ([a-z-].*)""", part)
            if found:
                lexer = shlex.shlex(found[1].rstrip('"') if "sh -c" in part else found[1], posix=True, punctuation_chars=False)
                lexer.whitespace_split, lexer.commenters = True, ""
                yield list(lexer)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(page: Path) -> None:
    from typer.main import get_command

    from whatsit.cli.app import app

    wrong = []
    for words in commands(current(page)):
        command: Any = get_command(app)
        rest = list(words)
        while rest and hasattr(command, "commands"):
            name = rest.pop(0)
            if name not in command.commands:
                wrong.append(f"whatsit {' '.join(words)}: no command {name}")
                break
            command = command.commands[name]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        wrong += [
            f"whatsit {' '.join(words)}: no option {word}"
            for word in rest
            if word.startswith("--") and word.split("=")[0].rstrip(".,") not in {*known, "--help"}
        ]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_modules_and_targets_exist(page: Path) -> None:
    text = current(page)
    wrong = []
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not (page.parent / target).exists():
            wrong.append(target)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in code(text):
        for name in re.findall(rf"(?<![\w./:@-])((?:{TOP})/[\w./*-]*)", line):
            path = name.rstrip(".-")
            if not path.startswith(MADE) and "NAME" not in path and not any(ROOT.glob(path.rstrip("/"))):
                wrong.append(path)
        for module in re.findall(r"\bperf((?:\.[a-z_]\w*)+)", line):
            path = ROOT.joinpath("perf", *module.split(".")[1:])
            if not path.is_dir() and not path.with_suffix(".py").is_file():
                wrong.append(f"perf{module}")
        for target in re.findall(r"(?:^|\s)make ([a-z]+)", line):
            if not re.search(rf"^{target}:", makefile, re.MULTILINE):
                wrong.append(f"make {target}")
    assert not wrong


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: the extra docs has it")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert "whatsit catalogue publish" in pages["cli.html"]
    assert "AsyncClient" in pages["api/client.html"]
    external = [name for name, page in pages.items() if re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?://', page)]
    assert not external
