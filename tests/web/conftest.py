"""A real browser and a static server of `client/web` for the tests of the pages."""

from __future__ import annotations

import mimetypes
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright

if TYPE_CHECKING:
    from tests.web.page_server import PageServer
    from tests.web.studio_server import StudioServer

WEB = Path(__file__).parents[2] / "client" / "web"
CANDIDATES = ("/usr/bin/chromium", "google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu")
# Nothing inline and nothing from elsewhere: what the gateway sends with the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)
expect.set_options(timeout=90_000)  # ms: other programs may keep the machine busy


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The program of a Chromium; the test skips where there is none."""
    for name in (os.environ.get("CHROMIUM", ""), *CANDIDATES):
        if found := name and shutil.which(name):
            return found
    pytest.skip("No Chromium is here: install the package chromium, or set CHROMIUM to the program of one.")


@pytest.fixture(scope="module")
def playwright(chromium_path: str) -> Iterator[Playwright]:
    """Playwright, for one file only: while it runs, `asyncio.run` is refused in this thread."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def launch(playwright: Playwright, chromium_path: str) -> Iterator[Callable[..., Browser]]:
    """A function that starts a Chromium with more flags: `launch("--use-fake-device-for-media-stream")`."""
    started: list[Browser] = []

    def start(*flags: str) -> Browser:
        started.append(playwright.chromium.launch(executable_path=chromium_path, args=[*FLAGS, *flags]))
        return started[-1]

    yield start
    for browser in started:
        browser.close()


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Browser:
    """A Chromium without a camera, one per file."""
    return launch()


class StaticSite:
    """Serve a folder on 127.0.0.1 with a strict Content-Security-Policy.

    Attributes:
        url: the address, without a slash at the end.
        pages: texts that no file gives, by their path, such as `"/test.html"` or `"/test.js"`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.pages: dict[str, str] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, content_type, body = site.answer(unquote(urlsplit(self.path).path))
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", POLICY)
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Return status, content type and body of a path."""
        if path in self.pages:
            return 200, _content_type(path), self.pages[path].encode()
        file = (self.folder / path.lstrip("/")).resolve()
        if file.is_dir():
            file /= "index.html"
        if not file.is_relative_to(self.folder) or not file.is_file():
            return 404, "text/plain", b"There is no such file."
        return 200, _content_type(file.name), file.read_bytes()


def _content_type(name: str) -> str:
    """Return the type of a file by its name, whatever this machine's table says about modules."""
    if name.endswith((".js", ".mjs")):
        return "text/javascript; charset=utf-8"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


@pytest.fixture(scope="module")
def site() -> Iterator[StaticSite]:
    """`client/web` on 127.0.0.1; a test adds its own pages to `site.pages`."""
    started = StaticSite(WEB)
    thread = threading.Thread(target=started.server.serve_forever, daemon=True)
    thread.start()
    yield started
    started.server.shutdown()
    started.server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def page_server(catalogue: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """The page on a real Triton, one for the session."""
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    from tests.web.page_server import serve_page

    with serve_page(catalogue, shop, tmp_path_factory.mktemp("page")) as server:
        yield server


@pytest.fixture
def visit(browser: Browser, page_server: PageServer) -> Iterator[Callable[..., Page]]:
    """Open the page in a context of its own; what breaks its policy or its scripts fails the test.

    `visit(path, **context)`; `url=` names another server. The page's list `broken` may be emptied by a test that
    provokes failures.
    """
    opened: list[Page] = []

    def open_page(path: str = "/", url: str | None = None, **context: Any) -> Page:
        page = browser.new_context(
            **{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **context}
        ).new_page()
        page.broken = []  # type: ignore[attr-defined]  # what the visit is judged by
        page.on("pageerror", lambda error: page.broken.append(str(error)))  # type: ignore[attr-defined]
        page.on("console", lambda message: _judge(page, message))
        page.goto((url or page_server.url) + path)
        opened.append(page)
        return page

    yield open_page
    broken = [line for page in opened for line in page.broken]  # type: ignore[attr-defined]
    for page in opened:
        page.context.close()
    assert broken == []


def _judge(page: Page, message: ConsoleMessage) -> None:
    if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
        page.broken.append(message.text)  # type: ignore[attr-defined]


@pytest.fixture
def studio(shop: Path) -> Iterator[StudioServer]:
    """A studio of 5,000 items."""
    from tests.web.studio_server import StudioServer

    server = StudioServer(sorted((shop / "images").glob("*.jpg")), items=5000)
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.server.shutdown()
    server.server.server_close()
    thread.join()


@pytest.fixture
def open_studio(browser: Any, studio: StudioServer) -> Iterator[Callable[..., Page]]:
    """Open a view in a context of its own; an error of a script fails the test."""
    pages: list[Page] = []
    broken: list[str] = []

    def start(view: str = "", **context: Any) -> Page:
        made = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-GB", **context})
        page: Page = made.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(f"{studio.url}/studio#{view}")
        pages.append(page)
        return page

    yield start
    for page in pages:
        page.context.close()
    assert broken == []
