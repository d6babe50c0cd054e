"""Wait for a state of a page whose policy forbids `eval`, which Playwright's `wait_for_function` uses."""

from __future__ import annotations

import time
from typing import Any


def wait_until(page: Any, expression: str, seconds: float = 30) -> Any:
    """Return the value of a JavaScript expression as soon as it is true.

    Raises:
        TimeoutError: it was not true in time.
    """
    end = time.monotonic() + seconds
    while not (value := page.evaluate(expression)):
        if time.monotonic() > end:
            raise TimeoutError(f"`{expression}` was not true within {seconds:.0f} s.")
        page.wait_for_timeout(40)
    return value
