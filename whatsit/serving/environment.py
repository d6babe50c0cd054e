"""Environment variables by which the launcher configures a server's models."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from whatsit_client.errors import Unavailable

from whatsit.engines.runtime_target import engines_of
from whatsit.serving.catalogue_file import DEFAULT_CATALOGUE, FollowedCatalogues

CATALOGUE_VARIABLE = "WHATSIT_CATALOGUE"
CATALOGUES_VARIABLE = "WHATSIT_CATALOGUES"
READ_ONLY_VARIABLE = "WHATSIT_READ_ONLY"
LINKS_VARIABLE = "WHATSIT_PICTURE_LINKS"
ENGINES_VARIABLE = "WHATSIT_ENGINES"


def served_catalogues() -> Callable[[], dict[str, Path]]:
    """Return a function that gives name -> folder of the catalogues, as they are now.

    The first is the default one. WHATSIT_CATALOGUES names the file that is followed; without it WHATSIT_CATALOGUE names
    the folder of the only catalogue.

    Raises:
        WhatsitError: the environment names neither, or the file cannot be read.
    """
    if file := os.environ.get(CATALOGUES_VARIABLE):
        return FollowedCatalogues(Path(file))
    folder = os.environ.get(CATALOGUE_VARIABLE)
    if not folder:
        raise Unavailable(f"The environment variable {CATALOGUE_VARIABLE} must name the catalogue's folder.")
    only = {DEFAULT_CATALOGUE: Path(folder)}
    return lambda: only


def is_read_only() -> bool:
    """Return whether this server refuses changes: the variable is neither empty nor 0."""
    return os.environ.get(READ_ONLY_VARIABLE, "") not in ("", "0")


def links_pictures() -> bool:
    """Return whether replies name pictures by the gateway's addresses, not by paths."""
    return os.environ.get(LINKS_VARIABLE, "") not in ("", "0")


def served_engines(model_repository: Path) -> dict[str, str]:
    """Return the engine of each network, which the variable names as configs do."""
    return engines_of(os.environ.get(ENGINES_VARIABLE) or None, model_repository)
