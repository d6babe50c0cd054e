"""Downloads from addresses and servers that mean harm: what each ends in, and when.

python -m perf.catalogue.web_attacks  # half a minute; exit code 1 where one is not refused or takes too long

The servers are on this machine. Addresses are tried with the default settings, servers with private networks allowed
and three seconds a try.
"""

from __future__ import annotations

import gzip
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import typer
from whatsit_client.errors import InvalidInput

from perf.common.command import run_command
from perf.common.setting import RESULTS
from whatsit.catalogue.web import Downloads

SECONDS = 3.0
MOST_BYTES = 1_000_000
PUBLIC = "93.184.216.34"
ADDRESSES = (
    *("http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://0.0.0.0/", "http://[::]/"),
    *("http://2130706433/", "http://0x7f.1/", "http://017700000001/", "http://127.1/", "http://127。0。0。1/"),
    *("http://①②⑦.⓪.⓪.①/", "http://[::ffff:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/"),
    *("http://[2002:7f00:1::]/", "http://[fe80::1%25lo]/", "http://10.0.0.1/", "http://192.168.1.1/"),
    *("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/"),
    *("file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://127.0.0.1/", "dict://127.0.0.1:11211/"),
    *("http://shop.example@127.0.0.1/", "http://127.0.0.1#@shop.example/", "http://127.0.0.1\\@shop.example/"),
    *("jar:http://127.0.0.1!/a", "http://127.0.0.1:6379/\r\nFLUSHALL", "http:///etc/passwd", "http://[::1]:22/"),
)
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
_BOMB = gzip.compress(bytes(200 << 20))
Answer = Callable[[socket.socket], None]


def _repeat(head: bytes, block: bytes, pause: float = 0.0) -> Answer:
    def answer(caller: socket.socket) -> None:
        caller.sendall(head)
        while True:
            caller.sendall(block)
            time.sleep(pause)

    return answer


def _once(data: bytes) -> Answer:
    return lambda caller: caller.sendall(data)


def _redirect(to: bytes, more: bytes = b"") -> Answer:
    return _once(b"HTTP/1.1 302 Found\r\nLocation: " + to + b"\r\n" + more + b"Content-Length: 0\r\n\r\n")


SERVERS: dict[str, Answer] = {
    "says nothing": lambda caller: time.sleep(60),
    "one byte every 0.1 s": _repeat(_OK + b"\r\n", b"x", 0.1),
    "one byte of the head every 0.1 s": _repeat(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.1),
    "a head without end": _repeat(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n"),
    "a line of the head without end": _repeat(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536),
    "100 Continue without end": _repeat(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body without end": _repeat(_OK + b"\r\n", b"x" * 65536),
    "chunks without end": _repeat(_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a chunk of 2^60 bytes": _repeat(_OK + b"Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", b"x" * 65536),
    "a length of 2^60 bytes": _once(_OK + b"Content-Length: 1152921504606846976\r\n\r\nx"),
    "a negative length": _repeat(_OK + b"Content-Length: -1\r\n\r\n", b"x" * 65536),
    "200 kB that unpack to 200 MB": _once(_OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + _BOMB),
    "redirects without end": _redirect(b"/again"),
    "redirects with a new cookie each": _redirect(b"/again", b"Set-Cookie: a=b; Path=/\r\n"),
    "redirect to a file": _redirect(b"file:///etc/passwd"),
    "redirect to gopher": _redirect(b"gopher://127.0.0.1:6379/_X"),
    "redirect to a malformed address": _redirect(b"http://[::1"),
    "redirect with a line break in its address": _redirect(b"/a\rX-Injected: 1"),
    "Retry-After of a year": _once(b"HTTP/1.1 429 Busy\r\nRetry-After: 31536000\r\nContent-Length: 0\r\n\r\n"),
    "no HTTP": _once(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a web page": _once(_OK + b"\r\n<!doctype html><title>Sign in</title>"),
    "nothing at all": _once(_OK + b"Content-Length: 0\r\n\r\n"),
    "half of what it promises": _once(_OK + b"Content-Length: 100\r\n\r\nhalf"),
}


@contextmanager
def serving(answer: Answer) -> Iterator[int]:
    """Answer every connection in a thread; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk(caller: socket.socket) -> None:
            with suppress(OSError), caller:
                caller.recv(65536)
                answer(caller)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(server.getsockname()[1])


def outcome(downloads: Downloads, url: str) -> tuple[str, float, bool]:
    """Return what a download ends in, the seconds, and whether it was refused."""
    begun = time.perf_counter()
    try:
        data = downloads.get(url)
    except InvalidInput as refusal:
        return str(refusal), time.perf_counter() - begun, True
    return f"{len(data):,} bytes", time.perf_counter() - begun, False


def named(*answers: tuple[str, ...]) -> tuple[str, float, bool]:
    """Download from a name whose look-ups give these numbers in turn; no server of this machine may be asked."""
    real, left, asked = socket.getaddrinfo, list(answers), threading.Event()

    def answer(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        if host != "shop.example":
            return real(host, port, *more, **options)
        numbers = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in numbers]

    with serving(lambda caller: asked.set()) as port, patch("socket.getaddrinfo", answer):
        words, seconds, refused = outcome(Downloads(seconds=SECONDS, tries=1), f"http://shop.example:{port}/a.jpg")
    return words, seconds, refused and not asked.is_set()


def main(out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "web_attacks.md") -> None:
    """Try every address and server."""
    lines = ["| address or server | outcome | s |", "| --- | --- | --- |"]
    wrong = 0
    found = [(repr(url)[1:-1], outcome(Downloads(), url)) for url in ADDRESSES]
    found.append(("a name that is public when it is checked and then this machine", named((PUBLIC,), ("127.0.0.1",))))
    found.append(("a name with a public and a private number", named((PUBLIC, "127.0.0.1"))))
    for name, answer in SERVERS.items():
        downloads = Downloads(allow_private=True, most_bytes=MOST_BYTES, seconds=SECONDS, tries=1)
        with serving(answer) as port:
            found.append((f"a server that sends: {name}", outcome(downloads, f"http://127.0.0.1:{port}/a.jpg")))
    for name, (words, seconds, refused) in found:
        bad = not refused or seconds > SECONDS + 5
        wrong += bad
        shown = words.replace("|", "/")[:160]
        lines.append(f"| `{name}` | {'**wrong** ' if bad else ''}{shown} | {seconds:.1f} |")
    lines += ["", f"{len(found)} attacks, {wrong} wrong."]
    title = "# Attacks on downloads\n\n`python -m perf.catalogue.web_attacks`\n\n"
    out.write_text(title + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    run_command(main)
