"""Pictures from the web: what is bounded, what is refused, what is tried again; a sentence for every failure."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.web import Downloads, download
from whatsit.catalogue.web.public_address import is_public, resolve

Answer = Callable[[BaseHTTPRequestHandler], None]


class Shop:
    """A server on this machine with an answer for each path, and the paths that it was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.asked.append(self.path)
                shop.answers[self.path](self)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str, answer: Answer | None = None) -> str:
        if answer:
            self.answers[path] = answer
        return f"http://127.0.0.1:{self.server.server_port}{path}"


def body(data: bytes, status: int = 200, length: int | None = None, **headers: str) -> Answer:
    def answer(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(status)
        for name, value in headers.items():
            asked.send_header(name, value)
        asked.send_header("Content-Length", str(len(data) if length is None else length))
        asked.end_headers()
        asked.wfile.write(data)

    return answer


@pytest.fixture
def shop() -> Iterator[Shop]:
    opened = Shop()
    yield opened
    opened.server.shutdown()
    opened.server.server_close()


@pytest.fixture
def web() -> Downloads:
    return Downloads(allow_private=True, most_bytes=1000, seconds=5.0, pause=0.001)


def test_a_file_is_fetched_and_redirects_are_followed(shop: Shop, web: Downloads) -> None:
    shop.url("/b c/ö.jpg".replace(" ", "%20").replace("ö", "%C3%B6"), body(b"picture"))
    shop.url("/old", body(b"", 302, Location="/b%20c/%C3%B6.jpg"))
    assert web.get(shop.url("/old")) == b"picture"
    assert web.get(shop.url("/b c/ö.jpg")) == b"picture"


def test_redirects_end(shop: Shop, web: Downloads) -> None:
    for number in range(7):
        shop.url(f"/{number}", body(b"", 301, Location=f"/{number + 1}"))
    shop.url("/7", body(b"picture"))
    assert web.get(shop.url("/2")) == b"picture"
    with pytest.raises(InvalidInput, match="redirects more than 5 times"):
        web.get(shop.url("/1"))
    assert len(shop.asked) == 6 + 6
    with pytest.raises(InvalidInput, match="without an address to go to"):
        web.get(shop.url("/nowhere", body(b"", 302)))


@pytest.mark.parametrize("length", [None, 10])
def test_a_file_that_is_too_large_is_not_read_to_its_end(shop: Shop, web: Downloads, length: int | None) -> None:
    """Whether its length says so, or is a lie."""
    sent = []

    def endless(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        if length is None:
            asked.send_header("Content-Length", "1000000000")
        asked.end_headers()
        try:
            for _ in range(1000):
                asked.wfile.write(b"x" * 65536)
                sent.append(1)
        except OSError:
            pass  # the client has left, as it should

    with pytest.raises(InvalidInput, match="larger than the 1,000 bytes allowed"):
        web.get(shop.url("/large", endless))
    assert len(sent) < 1000
    assert web.get(shop.url("/just", body(b"x" * 1000))) == b"x" * 1000


def test_what_may_pass_is_tried_again_and_what_may_not_is_not(shop: Shop, web: Downloads) -> None:
    answers = iter([body(b"", 503), body(b"", 429), body(b"picture")])
    assert web.get(shop.url("/busy", lambda asked: next(answers)(asked))) == b"picture"
    with pytest.raises(InvalidInput, match=r"answered 500 .*tried 3 times"):
        web.get(shop.url("/broken", body(b"", 500)))
    with pytest.raises(InvalidInput, match="answered 404 Not Found$"):
        web.get(shop.url("/gone", body(b"", 404)))
    with pytest.raises(InvalidInput, match="early"):
        web.get(shop.url("/short", body(b"half", length=100)))
    assert [shop.asked.count(path) for path in ("/busy", "/broken", "/gone", "/short")] == [3, 3, 1, 3]


def test_a_server_that_drips_is_left_before_its_end(shop: Shop) -> None:
    left = threading.Event()

    def drip(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.end_headers()
        try:
            for _ in range(100):
                asked.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            left.set()

    with pytest.raises(InvalidInput, match=r"took longer than 0.4 s"):
        Downloads(allow_private=True, seconds=0.4, tries=1).get(shop.url("/slow", drip))
    assert left.wait(30)


def test_a_server_that_is_not_there(web: Downloads) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(InvalidInput, match=r"the connection failed \(.*efused"):
            web.get(f"http://127.0.0.1:{taken.getsockname()[1]}/x.jpg")


def test_private_addresses_are_refused_also_behind_a_redirect(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"127\.0\.0\.1, which is not on the public internet"):
        Downloads().get(shop.url("/x.jpg", body(b"secret")))
    assert not shop.asked
    # A shop on the public internet sends us to the machine beside us.
    real = resolve
    monkeypatch.setattr(
        "whatsit.catalogue.web.download.resolve",
        lambda url, allowed: real(url, allow_private=allowed or "/public" in url),
    )
    shop.url("/public", body(b"", 302, Location=shop.url("/x.jpg")))
    with pytest.raises(InvalidInput, match="not on the public internet"):
        Downloads().get(shop.url("/public"))
    assert shop.asked == ["/public"]


def test_the_connection_goes_to_the_address_that_was_checked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes its meaning between check and connection (DNS rebinding) leads nowhere else."""
    port = shop.server.server_port
    lookups: list[str] = []
    real = socket.getaddrinfo

    def once(host: str, *arguments: Any, **named: Any) -> Any:
        if host == "shop.test":
            lookups.append(host)
            assert len(lookups) == 1, "the name was asked for a second time"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        return real(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    hosts = []

    def answer(asked: BaseHTTPRequestHandler) -> None:
        hosts.append(asked.headers["Host"])
        body(b"picture")(asked)

    shop.url("/x.jpg", answer)
    assert Downloads(allow_private=True).get(f"http://shop.test:{port}/x.jpg") == b"picture"
    assert hosts == [f"shop.test:{port}"]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1"),
        *("64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://shop.test/a.jpg", "does not begin with http"),
        ("file:///etc/passwd", "does not begin with http"),
        ("http:///a.jpg", "and a host"),
        ("http://user:secret@shop.test/a.jpg", "name or password"),
        ("http://shop.test:99999/a.jpg", "malformed"),
        ("http://[::1/a.jpg", "malformed"),
        ("http://2130706433/a.jpg", "not on the public internet"),
        ("http://[::ffff:7f00:1]/a.jpg", "not on the public internet"),
    ],
)
def test_addresses_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        resolve(url)


def test_a_host_that_is_too_slow_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def follow(_: Downloads, url: str) -> bytes:
        asked.append(url)
        raise download._TooSlowError("the server took longer than 30 s")

    monkeypatch.setattr(Downloads, "_follow", follow)
    downloads = Downloads(pause=0, tries=2)
    for n in range(5):
        with pytest.raises(InvalidInput, match="longer than|is not asked again"):
            downloads.get(f"http://slow.test/{n}.jpg")
    assert len(asked) == 3
    with pytest.raises(InvalidInput, match="longer than"):
        downloads.get("http://other.test/a.jpg")
    assert len(asked) == 5
