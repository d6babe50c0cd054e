"""Cookies of one chain of redirects."""

from __future__ import annotations

import http.client
import re

from whatsit.catalogue.web.web_address import WebAddress

_MOST = 20
_MOST_LENGTH = 4096
_PAIR = re.compile(r"\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=([\x21\x23-\x3a\x3c-\x5b\x5d-\x7e\"]*)\s*(?:;|$)")


class Cookies:
    """Keeps what a host sets while it redirects, and sends it to the same host alone.

    Some servers redirect to the same address until their cookie comes back.
    """

    def __init__(self) -> None:
        self._of: dict[tuple[str, bool], dict[str, str]] = {}

    def keep(self, address: WebAddress, response: http.client.HTTPResponse) -> None:
        """Keep the cookies of an answer."""
        kept = self._of.setdefault((address.host, address.secure), {})
        for text in response.msg.get_all("Set-Cookie", []):
            found = _PAIR.match(text)
            if found and len(text) <= _MOST_LENGTH and (len(kept) < _MOST or found[1] in kept):
                kept[found[1]] = found[2]

    def header(self, address: WebAddress) -> dict[str, str]:
        """Return the header for a request, if there is any."""
        kept = self._of.get((address.host, address.secure))
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())} if kept else {}
