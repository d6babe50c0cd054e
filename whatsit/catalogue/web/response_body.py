"""Bodies of HTTP answers: bounded, unpacked, and named where they are no file."""

from __future__ import annotations

import html
import http.client
import re
import zlib
from collections.abc import Iterator

from whatsit_client.errors import InvalidInput

BLOCK = 1 << 16
# A byte order mark, an XML declaration and comments may stand before the first element.
_BEFORE = rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*"
_PAGE = re.compile(_BEFORE + rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_DRAWING = re.compile(_BEFORE + rb"(?:<!doctype\s+svg[^>]*>\s*)?<svg\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{0,2000})</title", re.IGNORECASE)
_MOST_TITLE = 80


def read_blocks(response: http.client.HTTPResponse, most: int) -> Iterator[bytes]:
    """Return a body in blocks, unpacked where it comes packed with gzip or deflate.

    Args:
        response: its head is read.
        most: bytes, as sent and as unpacked.

    Raises:
        InvalidInput: it is larger, or packed otherwise or wrongly.
        ConnectionError: it ends before its stated length.
    """
    refusal = InvalidInput(f"the file is larger than the {most:,} bytes allowed")
    if response.length is not None and response.length > most:
        raise refusal
    unpacked = _Unpacked(response.getheader("Content-Encoding", ""))
    read = written = 0
    # One byte more than is allowed shows that there are more.
    while sent := response.read(min(BLOCK, most + 1 - read)):
        read += len(sent)
        for block in unpacked.blocks(sent):
            written += len(block)
            if written > most:
                raise refusal
            yield block
        if read > most:
            raise refusal
    if response.length:  # http.client takes a short body for the whole
        raise ConnectionError(f"it ended {response.length:,} bytes early")
    if not unpacked.is_whole:
        raise ConnectionError("its packed data ends early")


class _Unpacked:
    """Unpacks what a server packed although it was asked not to."""

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name in ("", "identity"):
            self._zip = None
        elif name in ("gzip", "x-gzip", "deflate"):
            self._zip = zlib.decompressobj(zlib.MAX_WBITS | 32)  # by its head
        else:
            raise InvalidInput(f"the server packed the file as '{name[:40]}', which it was not asked for")

    @property
    def is_whole(self) -> bool:
        return self._zip is None or self._zip.eof

    def blocks(self, sent: bytes) -> Iterator[bytes]:
        if self._zip is None:
            yield sent
            return
        try:
            while sent and not self._zip.eof:
                yield self._zip.decompress(sent, BLOCK)
                sent = self._zip.unconsumed_tail
        except zlib.error as error:
            raise InvalidInput(f"the server's packed data is damaged ({error})") from error


def check_is_file(data: bytes, kind: str) -> None:
    """Refuse what servers send in place of a picture.

    Args:
        data: the body.
        kind: header `Content-Type`.

    Raises:
        InvalidInput: it is empty, a web page, JSON or a drawing.
    """
    kind = kind.partition(";")[0].strip().lower()
    if not data:
        raise InvalidInput("the server sent nothing")
    start = data[:4096]
    if _DRAWING.match(start):
        raise InvalidInput("the server sent an SVG drawing, which is not read")
    if _PAGE.match(start) or (kind in ("text/html", "application/xhtml+xml") and start.lstrip()[:1] == b"<"):
        raise InvalidInput(f"the server sent a web page{_title(data)} instead of a picture")
    if kind.endswith(("json", "xml")) and start.lstrip()[:1] in b"{[<":
        words = " ".join(start.decode("utf-8", "replace").split())[:_MOST_TITLE]
        raise InvalidInput(
            f"the server sent {'JSON' if kind.endswith('json') else 'XML'} instead of a picture: {words}"
        )


def _title(data: bytes) -> str:
    found = _TITLE.search(data[:BLOCK])
    words = " ".join(html.unescape(found[1].decode("utf-8", "replace")).split()) if found else ""
    return f" ('{words[:_MOST_TITLE]}')" if words else ""
