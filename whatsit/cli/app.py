"""The tree of commands; heavy imports stay inside the commands so that `--help` is instant."""

from __future__ import annotations

import importlib.util

import typer

app = typer.Typer(
    name="whatsit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Point a camera at a thing, make one call, get back what it is and where it stands in your catalogue.",
)

# A file of this package either offers `app` (a noun with verbs) or `register(app)` (single commands).
for _noun in ("catalogue", "train", "evaluate"):
    if importlib.util.find_spec(f"whatsit.cli.{_noun}"):
        app.add_typer(importlib.import_module(f"whatsit.cli.{_noun}").app, name=_noun)
for _verb in ("serve", "identify", "demo", "build"):
    if importlib.util.find_spec(f"whatsit.cli.{_verb}"):
        importlib.import_module(f"whatsit.cli.{_verb}").register(app)
