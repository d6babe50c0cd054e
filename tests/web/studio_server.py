"""A small server with the studio's REST contract, in memory, for tests of the studio's pages without a Triton."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from tests.web.conftest import WEB, StaticSite
from tests.web.studio_review import NOW, Review
from tests.web.studio_tasks import Record

Reply = tuple[int, dict[str, str], bytes]


class StudioServer(StaticSite):
    """Serve `client/web` and a catalogue that forgets all at the end.

    Attributes:
        items: id -> fields.
        review: queues, leases and decisions.
        down: whether every call of the API is answered by 503.
        go: while it is not set, tasks that are leased come to no page, and of a reply of `identify` only a byte.
        role: of everybody.
    """

    def __init__(self, pictures: list[Path], items: int = 40) -> None:
        self.pictures = [path.read_bytes() for path in pictures]
        self.items = {one["id"]: one for one in map(make_item, range(items))}
        self.deleted: dict[str, Record] = {}
        self.history: dict[str, list[Record]] = {}
        self.review = Review(list(self.items.values())[:40])
        self.down, self.role = False, "admin"
        self.go = threading.Event()
        self.go.set()
        self.lock = threading.RLock()
        super().__init__(WEB)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _all(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                status, headers, body = server.reply(
                    self.command, self.path, self.rfile.read(length), self.headers.get("if-match")
                )
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # a page may not wait for it
                    if self.path.startswith("/v1/identify") and not server.go.is_set():
                        self.wfile.write(body[:1])
                        server.go.wait(120)
                        body = body[1:]
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = _all  # noqa: N815  # names of the standard library

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server.RequestHandlerClass = Handler
        self.server.daemon_threads = True

    def reply(self, method: str, target: str, body: bytes, tag: str | None) -> Reply:
        """Return the reply of one request."""
        parts = urlsplit(target)
        path = parts.path
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if not path.startswith("/v1"):
            file = {"/studio": "studio/index.html"}.get(path, path.removeprefix("/web/"))
            status, kind, data = self.answer(unquote(file))
            return status, {"Content-Type": kind, "Cache-Control": "no-store"}, data
        if self.down:
            return _problem(503, "The server starts.")
        if (found := re.fullmatch(r"/v1/(?:items/[^/]+/image|review/photos/.*)", path)) and found:
            number = sum(map(ord, path + query.get("sha256", ""))) % len(self.pictures)
            return 200, {"Content-Type": "image/jpeg", "Cache-Control": "private, max-age=300"}, self.pictures[number]
        with self.lock:
            try:
                given = json.loads(body) if body[:1] in (b"{", b"[") else {}
                answer = self._call(method, path.removeprefix("/v1"), query, given, tag)
            except LookupError:
                answer = _problem(404, "There is no such thing.")
        if path.endswith("/lease"):
            self.go.wait(120)
        return answer

    def _call(self, method: str, path: str, query: Record, body: Record, tag: str | None) -> Reply:
        if path == "/session":
            names = {"role": self.role, "key": "", "collect": "off", "catalogue": "default", "catalogues": ["default"]}
            return _json({**names, "items": len(self.items), "body_bytes": 10**8})
        if path == "/items":
            return self._page(query)
        if path == "/facets":
            return _json({"facets": self._facets(), "total": len(self.items)})
        if path == "/overview":
            return _json(self._overview(int(query.get("days", 30))))
        if found := re.fullmatch(r"/items/([^/]+)(/\w+)?", path):
            return self._item(method, unquote(found[1]), found[2] or "", body, tag)
        if path.startswith("/review"):
            return _json(self.review.call(method, path.removeprefix("/review"), query, body))
        raise LookupError(path)

    # ---- items ----

    def _page(self, query: Record) -> Reply:
        words = query.get("text", "").lower().split()
        where = json.loads(query.get("where", "{}"))
        rows = [one for one in self.items.values() if _fits(one, words, where)]
        if order := query.get("sort", "added").lstrip("-"):
            rows = rows if order == "added" else sorted(rows, key=lambda one: (one[order] is None, one[order]))
            rows = rows[::-1] if query.get("sort", "").startswith("-") else rows
        begin, limit = int(query.get("offset", 0)), int(query.get("limit", 50))
        return _json({"items": rows[begin : begin + limit], "total": len(rows), "next": None})

    def _facets(self) -> list[Record]:
        found = []
        for name in ("category", "brand"):
            counts: dict[str, int] = {}
            for one in self.items.values():
                counts[one[name]] = counts.get(one[name], 0) + 1
            values = [{"value": value, "items": count} for value, count in sorted(counts.items())[:20]]
            found.append({"name": name, "items": len(self.items), "values": values, "low": None, "high": None})
        return found

    def _item(self, method: str, id: str, rest: str, body: Record, tag: str | None) -> Reply:
        if rest == "/history":
            return _json({"id": id, "entries": self.history.get(id, [])[::-1], "total": 0})
        if rest == "/restore":
            self.items[id] = self.deleted.pop(id)
            return _json({"id": id, "outcome": "restored"})
        if method == "DELETE":
            self.deleted[id] = self.items.pop(id)
            return 204, {}, b""
        known = self.items.get(id)
        if method == "PUT":
            if tag is not None and known is not None and tag != _tag(known):
                return _problem(412, "The item was changed since: read it again.")
            before = {name: (known or {}).get(name) for name in body if (known or {}).get(name) != body[name]}
            entry = {"kind": "updated" if known else "added", "at": NOW, "who": "ann", "text": "", "undoable": False}
            self.history.setdefault(id, []).append(
                {**entry, "number": None, "before": before, "after": {n: body[n] for n in before}}
            )
            self.items[id] = {**(known or {**make_item(0), "id": id}), **body}
            headers = {"ETag": _tag(self.items[id])}
            return _json({"id": id, "outcome": "updated" if known else "added"}, headers)
        known = self.items[id]
        return _json({**known, "images": [known["image"]], "merged_into": None}, {"ETag": _tag(known)})

    def _overview(self, days: int) -> Record:
        names = ("found", "unsure", "not_found", "not_searched")
        shares = [
            {
                "day": f"2026-{10 + (n + 1) // 32:02}-{(n % 28) + 1:02}",
                **{k: (n * 7 + 3 * at) % (40 - 9 * at) for at, k in enumerate(names)},
            }
            for n in range(days)
        ]
        total = {name: sum(cast(int, one[name]) for one in shares) for name in names}
        change = {
            "at": NOW,
            "kind": "updated",
            "item": "P000001",
            "title": "Milk",
            "who": "ann",
            "text": "price changed",
        }
        count = len(self.items)
        index = {"items_indexed": count, "vectors_indexed": 2 * count, "published": NOW, "pending": 3}
        return {
            "items": len(self.items), "merged": 4, "pictures": 2 * len(self.items), "hidden_pictures": 31,
            "searches": {"days": shares, "total": total}, "feedback": {"match": 12, "none": 7, "crop": 40},
            "index": {**index, "read_only": False, "notes": []}, "changes": [change],
            "review": {"queues": self.review.queues()},
        }  # fmt: skip


def make_item(number: int) -> Record:
    """Return the record of an item as /v1/items gives it."""
    brand, kind = (
        ("Arla", "Alpro", "Lidl", "Rewe")[number % 4],
        ("milk", "juice", "yogurt", "tea", "coffee")[number % 5],
    )
    id = f"P{number:06}"
    title = (
        f"{brand} {kind} {number % 97} ml"
        if number != 3
        else "<img src=x onerror=\"document.title='broken'\"><b>bold</b>"
    )
    known: Record = {"id": id, "title": title, "brand": brand, "category": kind, "price": (number * 37 % 1999) / 100}
    return {
        **known,
        "url": None,
        "attributes": {"volume": number % 97},
        "image": f"/v1/items/{id}/image",
        "updated": NOW,
        "pictures": 1 + number % 3,
    }


def _fits(one: Record, words: list[str], where: Record) -> bool:
    text = f"{one['title']} {one['brand']} {one['category']}".lower()
    wanted = {name: value["$in"] if isinstance(value, dict) else [value] for name, value in where.items()}
    return all(word in text for word in words) and all(one.get(name) in values for name, values in wanted.items())


def _tag(item: Record) -> str:
    return f'"{abs(hash(json.dumps(item, sort_keys=True)))}"'


def _json(body: Any, headers: dict[str, str] | None = None) -> Reply:
    return 200, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode()


def _problem(status: int, detail: str) -> Reply:
    return (
        status,
        {"Content-Type": "application/problem+json"},
        json.dumps({"status": status, "detail": detail}).encode(),
    )
