"""Options that several catalogue commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The catalogue's folder.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Where = Annotated[
    str | None, typer.Option(help='Only items that fulfil this JSON filter, such as \'{"price": {"$lt": 5}}\'.')
]
