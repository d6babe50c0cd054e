"""Proxies named by the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined] # not in stubs

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.web.web_address import WebAddress

_PORT = 80  # of a proxy that names none


@dataclass(frozen=True)
class Proxy:
    """A proxy that speaks plain HTTP.

    Args:
        host: its machine; the operator's choice, so that it may be on a private network.
        port: TCP port.
        authorization: header of that name, "" for none.
    """

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that are meant for it."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def find_proxy(address: WebAddress) -> Proxy | None:
    """Return the proxy for an address, None where it is asked directly.

    Raises:
        InvalidInput: the environment names a proxy of a kind that is not spoken here.
    """
    named = getproxies_environment()
    url = named.get(address.scheme) or named.get("all")
    if not url or proxy_bypass_environment(address.host_header, named):
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme != "http":
        shown = "of that kind" if host is None else f"{parts.scheme}://{host}"
        raise InvalidInput(
            f"the environment names a proxy for {address.scheme} ({shown}) that is not spoken here; "
            "set HTTP_PROXY and HTTPS_PROXY to http://host:port, or list the host in NO_PROXY"
        )
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(host, port, authorization)
