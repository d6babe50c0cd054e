"""The browser fixtures: a page is shown, and inline scripts are refused."""

from __future__ import annotations

from typing import Any


def test_the_browser_shows_a_page_under_the_strict_policy(browser: Any, site: Any) -> None:
    site.pages["/hello.html"] = "<!doctype html><title>Hello</title><script>document.title = 'inline'</script>"
    page = browser.new_page()
    page.goto(f"{site.url}/hello.html")
    assert page.title() == "Hello"
    assert page.goto(f"{site.url}/../pyproject.toml").status == 404
    page.close()
