"""Environment variables by which the launcher configures a server's models."""

from __future__ import annotations

import os
from pathlib import Path

from whatsit_client.errors import Unavailable

CATALOGUE_VARIABLE = "WHATSIT_CATALOGUE"
READ_ONLY_VARIABLE = "WHATSIT_READ_ONLY"


def served_catalogue() -> Path:
    """Return the folder of the catalogue that this server serves.

    Raises:
        Unavailable: the environment does not name it.
    """
    folder = os.environ.get(CATALOGUE_VARIABLE)
    if not folder:
        raise Unavailable(f"The environment variable {CATALOGUE_VARIABLE} must name the catalogue's folder.")
    return Path(folder)


def is_read_only() -> bool:
    """Return whether this server refuses changes: the variable is neither empty nor 0."""
    return os.environ.get(READ_ONLY_VARIABLE, "") not in ("", "0")
