"""The browser of the pages' tests, for where there is no Node."""

from tests.web.conftest import browser, chromium_path, launch, playwright, site

__all__ = ["browser", "chromium_path", "launch", "playwright", "site"]
