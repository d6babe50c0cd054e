"""Proxies of the environment: which one is taken, and what is asked of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from whatsit_client.errors import InvalidInput

from tests.catalogue.web.web_shop import Shop, body
from whatsit.catalogue.web import Downloads
from whatsit.catalogue.web.proxy import Proxy, find_proxy
from whatsit.catalogue.web.web_address import WebAddress


@pytest.mark.parametrize(
    ("name", "value", "url", "found"),
    [
        ("HTTP_PROXY", "http://proxy.test:3128", "http://a.test/", Proxy("proxy.test", 3128)),
        ("http_proxy", "proxy.test", "http://a.test/", Proxy("proxy.test", 80)),
        ("HTTP_PROXY", "http://proxy.test:3128", "https://a.test/", None),
        ("ALL_PROXY", "http://me:p%40ss@proxy.test:1", "https://a.test/", Proxy("proxy.test", 1, "Basic bWU6cEBzcw==")),
    ],
)
def test_the_proxy_for_an_address(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, url: str, found: Proxy | None
) -> None:
    monkeypatch.setenv(name, value)
    assert find_proxy(WebAddress.parse(url)) == found
    monkeypatch.setenv("no_proxy", "a.test")
    assert find_proxy(WebAddress.parse(url)) is None


@pytest.mark.parametrize("value", ["socks5://me:secret@proxy.test:1080", "https://proxy.test", "http://proxy.test:x"])
def test_a_proxy_of_another_kind_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(InvalidInput, match="set HTTP_PROXY and HTTPS_PROXY to http://host:port") as caught:
        find_proxy(WebAddress.parse("https://a.test/"))
    assert "secret" not in str(caught.value)


def test_plain_requests_go_to_the_proxy_whole(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:pass@127.0.0.1:{shop.port}")
    url = "http://müller.invalid/a b.jpg"  # known to the proxy alone
    shop.url("http://xn--mller-kva.invalid/a%20b.jpg", body(b"picture"))
    assert Downloads().get(url) == b"picture"
    assert shop.heads[0]["Host"] == "xn--mller-kva.invalid"
    assert shop.heads[0]["Proxy-Authorization"].startswith("Basic ")
    with pytest.raises(InvalidInput, match="not on the public internet"):
        Downloads().get("http://169.254.169.254/latest/meta-data/")
    assert len(shop.asked) == 1


@pytest.fixture
def refusing() -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that refuses every tunnel, its port and what it was sent."""
    sent: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            opened, _ = server.accept()
            with opened:
                sent.append(opened.recv(4096))
                opened.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], sent


def test_secure_requests_ask_for_a_tunnel(refusing: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    port, sent = refusing
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(InvalidInput, match=rf"the proxy 127\.0\.0\.1:{port} answered 407 Proxy Auth"):
        Downloads().get("https://unknown.invalid/a.jpg")
    assert sent[0].startswith(b"CONNECT unknown.invalid:443 HTTP/1.1\r\nHost: unknown.invalid:443\r\n")
