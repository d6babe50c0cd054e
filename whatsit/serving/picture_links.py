"""Addresses of items' pictures in replies, in place of paths on the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

_WEB = ("http://", "https://")

# record of an item -> address of its main picture
Link = Callable[[Mapping[str, Any]], str | None]


def link_of(catalogue: str | None) -> Link:
    """Return the function that gives the gateway's address of an item's picture.

    The address is relative to the gateway's, such as "/v1/items/P1/image". Pictures on the web keep their address.

    Args:
        catalogue: name of the catalogue; None for the default one.
    """
    prefix = "/v1" if catalogue is None else f"/v1/c/{quote(catalogue, safe='')}"

    def link(record: Mapping[str, Any]) -> str | None:
        image = record.get("image")
        if not image or str(image).startswith(_WEB):
            return image or None
        return f"{prefix}/items/{quote(str(record['id']), safe='')}/image"

    return link


def linked(shown: dict[str, Any], link: Link) -> dict[str, Any]:
    """Return the reply of the operation `get` with addresses in place of paths.

    A picture that cleaning has hidden has none.
    """
    item, position, images = shown["item"], 0, []
    for image in shown["images"]:
        path = "" if image["hidden"] else link({"id": item["id"], "image": image["path"]}) or ""
        if position and path and not path.startswith(_WEB):
            path = f"{path}?position={position}"
        position += not image["hidden"]
        images.append({**image, "path": path})
    return {**shown, "item": {**item, "image": link(item)}, "images": images}
