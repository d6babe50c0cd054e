"""Slim Python client of Whatsit.

It needs tritonclient, numpy, Pillow and tenacity.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whatsit_client.async_client import AsyncClient
    from whatsit_client.catalogue_calls import CatalogueStats
    from whatsit_client.client import Client
    from whatsit_client.drawing import draw
    from whatsit_client.errors import Damaged, InvalidInput, TimedOut, Unavailable, WhatsitError
    from whatsit_client.identification import Embedding, Identification
    from whatsit_client.item_scene import Scene
    from whatsit_client.types import Answer, Item, Match, Region
    from whatsit_client.version import __version__

__all__ = [
    "Answer",
    "AsyncClient",
    "CatalogueStats",
    "Client",
    "Damaged",
    "Embedding",
    "Identification",
    "InvalidInput",
    "Item",
    "Match",
    "Region",
    "Scene",
    "TimedOut",
    "Unavailable",
    "WhatsitError",
    "__version__",
    "draw",
]

_MODULES = {
    "AsyncClient": "async_client",
    "CatalogueStats": "catalogue_calls",
    "Client": "client",
    "Embedding": "identification",
    "Identification": "identification",
    "Scene": "item_scene",
    "draw": "drawing",
    "__version__": "version",
} | dict.fromkeys(("Damaged", "InvalidInput", "TimedOut", "Unavailable", "WhatsitError"), "errors")


def __getattr__(name: str) -> Any:
    """Load a name on first use; the server imports errors and types but no transport."""
    if name not in __all__:
        raise AttributeError(f"module 'whatsit_client' has no attribute '{name}'")
    return getattr(importlib.import_module(f"whatsit_client.{_MODULES.get(name, 'types')}"), name)
