"""Hooks of mkdocs: pages from outside of docs/, the command reference, and links between all of them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
# Pages and pictures of the repository that are part of the site, below `repository/`.
INCLUDED = (
    "*.md",
    "client/mobile/README.md",
    "build/RECIPES.md",
    "build/*.card.md",
    "perf/*.md",
    "perf/results/*.md",
    "perf/results/*.png",
)
LEFT_OUT = {"README.md"}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the included files and the command reference."""
    for path in included():
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, f"repository/{name}", abs_src_path=str(path)))
    files.append(File.generated(config, "cli.md", content=command_reference()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to the repository into links of the site, or into plain text."""
    source = page.file.src_uri
    origin = source.removeprefix("repository/") if source.startswith("repository/") else f"docs/{source}"
    known = {path.relative_to(ROOT).as_posix() for path in included()}

    def resolve(match: re.Match[str]) -> str:
        picture, text, target, anchor = match.groups()
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        if path in known:
            uri = f"repository/{path}"
        elif path.startswith("docs/"):
            uri = path.removeprefix("docs/")
        else:
            return f"{text} (`{path}`)" if text.strip("`") != path else f"`{path}`"
        return f"{picture}[{text}]({posixpath.relpath(uri, posixpath.dirname(source))}{anchor or ''})"

    return _LINK.sub(resolve, markdown)


def included() -> list[Path]:
    """Return the files of the repository that the site takes in from outside of docs/."""
    found = sorted(path for pattern in INCLUDED for path in ROOT.glob(pattern))
    return [path for path in found if path.name not in LEFT_OUT or path.parent != ROOT]


def command_reference() -> str:
    """Return the reference of the command line as Markdown, from the Typer application."""
    import typer
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from whatsit.cli.app import app

    command = get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="whatsit", title="Command line")
    return text.replace("$ whatsit", "whatsit")
