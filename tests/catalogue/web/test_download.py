"""Pictures from the web: what is bounded, what is refused, what is tried again; a sentence for every failure."""

from __future__ import annotations

import pickle
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from whatsit_client.errors import InvalidInput

from tests.catalogue.web.web_shop import Shop, body
from whatsit.catalogue.web import Downloads, download
from whatsit.catalogue.web.public_address import resolve


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
    assert left.wait(120)


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
        lambda url, allowed, by_proxy: real(url, allow_private=allowed or "/public" in url),
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


def test_a_host_that_is_too_slow_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def follow(_: Downloads, url: str, take: object) -> str:
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
    assert len(asked) == 4  # a second try would take the whole time once more


def test_a_server_that_asks_to_wait_is_awaited(shop: Shop, web: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("whatsit.catalogue.web.host_pacing.time.sleep", waits.append)
    answers = iter([body(b"", 429, Retry_After="7"), body(b"picture")])
    assert web.get(shop.url("/busy", lambda asked: next(answers)(asked))) == b"picture"
    assert 6 < max(waits) <= 7
    with pytest.raises(InvalidInput, match=r"503 Service Unavailable and asks to come again in 7,200 s"):
        web.get(shop.url("/closed", body(b"", 503, Retry_After="7200")))
    assert shop.asked.count("/closed") == 1
    for _ in range(4):
        with pytest.raises(InvalidInput):
            web.get(shop.url("/closed"))
    with pytest.raises(InvalidInput, match="too busy 5 times in a row, and is not asked again"):
        web.get(shop.url("/open", body(b"picture")))
    assert pickle.loads(pickle.dumps(web)).get(shop.url("/open")) == b"picture"  # another process


def test_a_cookie_wall_gets_its_cookie_back(shop: Shop, web: Downloads) -> None:
    def wall(asked: BaseHTTPRequestHandler) -> None:
        if asked.headers.get("Cookie") == "seen=1; lang=de":
            return body(b"picture")(asked)
        asked.send_response(302)
        for text in ("seen=1; Path=/; HttpOnly", "lang=de", "bad name=1", "split=a\x01b"):
            asked.send_header("Set-Cookie", text)
        asked.send_header("Location", asked.path)
        asked.send_header("Content-Length", "0")
        return asked.end_headers()

    assert web.get(shop.url("/a.jpg", wall)) == b"picture"
    assert "Cookie" not in shop.heads[0]
    web.get(shop.url("/other.jpg", body(b"picture")))
    assert "Cookie" not in shop.heads[-1]  # not for the next file


def test_servers_are_told_who_asks(shop: Shop, web: Downloads) -> None:
    def wants_contact(asked: BaseHTTPRequestHandler) -> None:
        body(*((b"picture", 200) if "+mailto:ops@shop.test" in asked.headers["User-Agent"] else (b"", 403)))(asked)

    with pytest.raises(InvalidInput, match=r"answered 403 Forbidden; .* try --contact"):
        web.get(shop.url("/a.jpg", wants_contact))
    known = Downloads(allow_private=True, contact="ops@shop.test")
    assert known.get(shop.url("/a.jpg")) == b"picture"
    assert "Whatsit/" in shop.heads[-1]["User-Agent"]
    with pytest.raises(InvalidInput, match="A contact is"):
        Downloads(contact="a@b\r\nX: y")


def test_redirects_may_be_written_in_any_letters(shop: Shop, web: Downloads) -> None:
    shop.url("/%C3%B6.jpg", body(b"picture"))
    shop.url("/%F6.jpg", body(b"latin"))
    for path, location in (("/utf8", "/ö.jpg".encode().decode("latin-1")), ("/latin", "/ö.jpg")):
        shop.url(path, body(b"", 302, Location=location))
    assert (web.get(shop.url("/utf8")), web.get(shop.url("/latin"))) == (b"picture", b"latin")
    for number, location in enumerate(("file:///etc/passwd", "gopher://127.0.0.1/x", "http://[::1/x", "javascript:x")):
        with pytest.raises(InvalidInput, match="malformed|does not begin with http"):
            web.get(shop.url(f"/{number}", body(b"", 302, Location=location)))


def test_a_large_file_is_written_to_the_disk(shop: Shop, web: Downloads, tmp_path: Path) -> None:
    answers = iter([body(b"x" * 2000, length=3000), body(b"id,image\n" * 500, Content_Type="text/csv")])
    kind = web.save(shop.url("/items", lambda asked: next(answers)(asked)), tmp_path / "items")
    assert (kind, (tmp_path / "items").read_bytes()) == ("text/csv", b"id,image\n" * 500)
