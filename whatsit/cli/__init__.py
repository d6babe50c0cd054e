"""The command line `whatsit`: one module or package per command."""

from __future__ import annotations

import sys

from whatsit_client.errors import WhatsitError

_TRAINING = frozenset({"torch", "onnx", "pytorch_metric_learning", "sklearn", "matplotlib"})


def main() -> None:
    """Run the command line.

    A `WhatsitError` becomes one sentence on stderr and exit code 1.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    try:
        from whatsit.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit("The command line needs more than the slim client: pip install 'whatsit[serve]'.")
    try:
        app()
    except WhatsitError as error:
        sys.exit(f"whatsit: {error}")
    except ModuleNotFoundError as error:
        if error.name not in _TRAINING:
            raise
        sys.exit(f"whatsit: this command needs {error.name}: pip install 'whatsit[train]'.")
    except KeyboardInterrupt:
        sys.exit(130)
