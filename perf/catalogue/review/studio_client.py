"""Client of the studio's calls over one kept connection."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit


class StudioClient:
    """One reviewer.

    Args:
        url: of the gateway.
        reviewer: name for the log.
    """

    def __init__(self, url: str, reviewer: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self.reviewer = reviewer

    def get(self, path: str, **query: Any) -> Any:
        """Return the reply to a GET."""
        return self._send("GET", path, query, None)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """Return the reply to a POST in this reviewer's name."""
        return self._send("POST", path, {**query, "reviewer": self.reviewer}, {} if body is None else body)

    def picture(self, path: str, side: int) -> int:
        """Fetch a thumbnail; return its size."""
        self._connection.request("GET", f"{path}&side={side}")
        reply = self._connection.getresponse()
        return len(reply.read())

    def wait(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return a job once it ended."""
        import time

        while job["state"] == "running":
            time.sleep(0.2)
            job = self.get(f"/v1/review/jobs/{job['job']}")
        if job["state"] != "done":
            raise RuntimeError(f"The job ended as {job['state']}: {job['error']}")
        return job

    def _send(self, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        data = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json"} if data else {}
        self._connection.request(method, f"{path}?{urlencode(query)}" if query else path, data, headers)
        reply = self._connection.getresponse()
        text = reply.read()
        if reply.status >= 400:
            raise RuntimeError(f"{method} {path}: {reply.status} {text[:300]!r}")
        return json.loads(text)
