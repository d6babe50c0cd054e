"""A real Triton with gateways in front, for the tests of the page."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from perf.gateway.target import make_keys
from whatsit.engines.repository import default_root
from whatsit.gateway.process import GatewayProcess
from whatsit.gateway.settings import Settings
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports

ODD_ITEMS = {
    "markup": "<img src=x onerror=\"document.title='broken'\"><b>bold</b>",
    "emoji": "Tea 🍵 for two 👩‍👩‍👧",
    "rtl": "شاي بالنعناع (20)",
}


@dataclass
class PageServer:
    """What the fixture `page_server` gives.

    Args:
        settings: of the gateway.
        gateway: everybody is an admin there.
        scenes: pictures to identify.
        keys: role -> key of the gateways that `locked` starts.
        work: folder of its own.
    """

    settings: Settings
    gateway: GatewayProcess
    scenes: list[Path]
    keys: dict[str, str]
    work: Path

    @property
    def url(self) -> str:
        """The address to open."""
        return f"http://127.0.0.1:{self.gateway.port}"

    def get(self, path: str) -> Any:
        """Return the JSON of a path."""
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return json.load(reply)

    @contextmanager
    def other(self, **changed: Any) -> Iterator[str]:
        """Run another gateway before the same Triton, with other settings; gives its address."""
        gateway = GatewayProcess(self.settings.model_copy(update=changed), 0, 0, print)
        gateway.start()
        try:
            yield f"http://127.0.0.1:{gateway.port}"
        finally:
            gateway.stop()


@contextmanager
def serve_page(catalogue: Path, shop: Path, work: Path) -> Iterator[PageServer]:
    """Serve a copy of a catalogue with `ODD_ITEMS` in it."""
    own = shutil.copytree(catalogue, work / "catalogue")
    with Server(own, ports=Ports(0, 0, 0), fused=True, closed=True) as server:
        settings = Settings(
            catalogues={"default": own},
            model_repository=default_root() / "model_repository",
            upstream=f"http://{server.http_url}",
            upstream_headers=server.restricted_headers,
            open_role="admin",
            collect="crops",
        )
        gateway = GatewayProcess(settings, 0, 0, print)
        gateway.start()
        try:
            found = PageServer(
                settings, gateway, sorted((shop / "scenes").glob("*.jpg")), make_keys(work / "keys.json"), work
            )
            picture = sorted((shop / "images").glob("*.jpg"))[0]
            for id, title in ODD_ITEMS.items():
                _put(found, id, {"title": title, "brand": "Odd"}, picture)
            yield found
        finally:
            gateway.stop()


def _put(server: PageServer, id: str, fields: dict[str, Any], picture: Path) -> None:
    edge = "edge"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="item"\r\n\r\n{json.dumps(fields)}\r\n'.encode(),
        f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="x.jpg"\r\n\r\n'.encode()
        + picture.read_bytes()
        + b"\r\n",
        f"--{edge}--\r\n".encode(),
    ]
    headers = {"content-type": f"multipart/form-data; boundary={edge}"}
    request = urllib.request.Request(f"{server.url}/v1/items/{quote(id)}", b"".join(parts), headers, method="PUT")
    urllib.request.urlopen(request, timeout=60).close()
