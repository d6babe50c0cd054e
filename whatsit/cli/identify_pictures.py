"""Pictures of the items in a result, fetched from the server to be drawn."""

from __future__ import annotations

import dataclasses
import hashlib
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from whatsit_client.identification import Identification
    from whatsit_client.transport.address import Address
    from whatsit_client.types import Item

_DRAWN = 3  # matches of a region
_SIDE = 256
_SECONDS = 5.0
_GATEWAY_PORT = 8080
_MOST_BYTES = 1 << 24


class ItemPictures:
    """Fetches thumbnails of items from the gateway, each once.

    Args:
        address: of the server; a gRPC one has its gateway's pages on port 8080 of the same host, unless told otherwise.
        folder: for the files.
    """

    def __init__(self, address: Address, folder: Path) -> None:
        host = urlsplit(f"//{address.place}").hostname or ""
        host = f"[{host}]" if ":" in host else host
        place = address.place if address.protocol == "http" else f"{host}:{_GATEWAY_PORT}"
        self._base, self._headers, self._folder = f"http{'s' * address.secure}://{place}", address.headers, folder
        self._lost = False

    def into(self, result: Identification) -> Identification:
        """Return the result with files in place of the server's addresses."""
        regions = []
        for region in result.regions:
            drawn = [dataclasses.replace(one, item=self._with_file(one.item)) for one in region.matches[:_DRAWN]]
            regions.append(dataclasses.replace(region, matches=(*drawn, *region.matches[_DRAWN:])))
        return dataclasses.replace(result, regions=tuple(regions))

    def _with_file(self, item: Item) -> Item:
        if not item.image.startswith("/v1/"):
            return item
        file = self._folder / hashlib.sha256(item.image.encode()).hexdigest()
        if not file.exists() and not self._lost:
            try:
                url = f"{self._base}{item.image}?side={_SIDE}"
                with urllib.request.urlopen(
                    urllib.request.Request(url, headers=dict(self._headers)), timeout=_SECONDS
                ) as reply:
                    file.write_bytes(reply.read(_MOST_BYTES))
            except (OSError, ValueError):
                self._lost = True  # drawn without pictures
        return dataclasses.replace(item, image=str(file)) if file.exists() else item
