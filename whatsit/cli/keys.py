"""The commands `whatsit keys`: make, list, revoke and rotate the keys of callers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whatsit.cli.options import AsJson

if TYPE_CHECKING:
    from whatsit.gateway.keys import KeyFile

app = typer.Typer(no_args_is_help=True, help="Make, list, revoke and rotate the keys of a server's callers.")

KeysFile = Annotated[
    Path | None,
    typer.Option("--keys", envvar="WHATSIT_KEYS", help="File of the keys; one in the user's configuration by default."),
]
Name = Annotated[str, typer.Argument(help="Name of the key's holder.", show_default=False)]


@app.command(epilog="Example: whatsit keys add phone-app --role search --rate 20")
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="search, edit (changes items too) or admin (metrics too).")] = "search",
    rate: Annotated[float | None, typer.Option(help="Requests a second; the server's limit if not given.")] = None,
    catalogue: Annotated[
        list[str] | None, typer.Option(help="Open this catalogue alone; may be repeated. All if not given.")
    ] = None,
    keys: KeysFile = None,
) -> None:
    """Make a key and print it, this once."""
    from whatsit.gateway.startup import check_rate

    check_rate(rate)
    _print_key(_file(keys).add(name, role, rate, tuple(catalogue or ())))


@app.command("list", epilog="Example: whatsit keys list")
def list_keys(keys: KeysFile = None, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    found = _file(keys).read()
    if as_json:
        records = [{name: value for name, value in asdict(key).items() if name != "digest"} for key in found]
        print(json.dumps(records, indent=1))
        return
    table = Table("name", "id", "role", "rate", "catalogues", "made", "revoked")
    for key in found:
        rate = "" if key.rate is None else f"{key.rate:g}/s"
        catalogues = ", ".join(key.catalogues) or "all"
        table.add_row(key.name, key.id, key.role, rate, catalogues, key.created[:10], (key.revoked or "")[:10])
    Console().print(table)


@app.command(epilog="Example: whatsit keys revoke phone-app")
def revoke(name: Name, keys: KeysFile = None) -> None:
    """Make a key invalid; running servers notice within a second."""
    _file(keys).revoke(name)
    typer.echo(f"The key '{name}' is revoked.", err=True)


@app.command(epilog="Example: whatsit keys rotate phone-app")
def rotate(name: Name, keys: KeysFile = None) -> None:
    """Replace a key by a new one and print that, this once."""
    _print_key(_file(keys).rotate(name))


def _file(path: Path | None) -> KeyFile:
    from whatsit.gateway import keys

    return keys.KeyFile(path or keys.default_keys_file())


def _print_key(key: str) -> None:
    typer.echo(key)
    typer.echo("Keep it: it is not shown again. Send it as `Authorization: Bearer KEY`.", err=True)
