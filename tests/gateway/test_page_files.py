"""Files of the page: types, compression, ETags, and nothing outside of the folder."""

from __future__ import annotations

import gzip

import pytest

from tests.gateway.conftest import Call
from whatsit.gateway.page_files import page_folder

pytestmark = pytest.mark.triton


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/studio", "text/html; charset=utf-8"),
        ("/web/src/app.js", "text/javascript; charset=utf-8"),
        ("/web/page.css", "text/css; charset=utf-8"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/service-worker.js", "text/javascript; charset=utf-8"),
    ],
)
def test_a_file_needs_no_key_and_is_sent_once(call: Call, path: str, kind: str) -> None:
    plain = call("GET", path, None)
    assert (plain.status, plain.headers["content-type"]) == (200, kind)
    packed = call("GET", path, None, accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert call("GET", path, None, if_none_match=plain.headers["etag"]).status == 304
    assert "unsafe" not in plain.headers["content-security-policy"]


def test_the_detectors_worker_alone_may_compile_webassembly(call: Call) -> None:
    policies = {
        path: call("GET", path, None).headers["content-security-policy"]
        for path in ("/web/scan/detector-worker.js", "/web/scan/index.js", "/")
    }
    assert [path for path, policy in policies.items() if "wasm-unsafe-eval" in policy] == [
        "/web/scan/detector-worker.js"
    ]


@pytest.mark.parametrize("path", ["/web/", "/web/nothing.js", "/web/../pyproject.toml", "/web/%2e%2e/pyproject.toml"])
def test_there_is_nothing_else(call: Call, path: str) -> None:
    assert call("GET", path, None).status in (400, 404)


def test_no_file_of_the_page_names_another_server() -> None:
    folder = page_folder()
    assert folder is not None
    for path in folder.rglob("*"):
        if path.suffix in (".js", ".css", ".html", ".webmanifest"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text.replace("https?://", ""), path
            assert "https://" not in text.replace("https:// ", "").replace("https://-", ""), path
