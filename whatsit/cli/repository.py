"""`whatsit repository`: the model repositories as a folder of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(epilog="Example: whatsit repository models && tritonserver --model-repository=models/fused")(repository)


def repository(folder: Annotated[Path, typer.Argument(help="Folder to write to.")]) -> None:
    """Write the model repositories into a folder.

    It serves a Triton of your own, or changes of the configurations.

    The folder gets model_repository/, ensembles/ and fused/, with the plans and tuned configurations of this machine.
    `whatsit serve --repository FOLDER` serves it.
    """
    from whatsit_client.errors import InvalidInput

    from whatsit.engines.repository import default_root, lay_out_repositories

    try:
        lay_out_repositories(default_root(), folder)
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({error}): choose another one.") from error
    typer.echo(f"Serve it with: whatsit serve --repository {folder} --catalogue …")
