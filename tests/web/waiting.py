"""Wait for a state of a page whose policy forbids `eval`, which Playwright's `wait_for_function` uses."""

from __future__ import annotations

import time
from typing import Any

_STORED = """new Promise((resolve) => {
  const opening = indexedDB.open("whatsit-studio");
  opening.onsuccess = () => {
    const request = opening.result.transaction("decisions").objectStore("decisions").count();
    request.onsuccess = () => { opening.result.close(); resolve(request.result === COUNT); };
  };
})"""


def wait_stored(page: Any, decisions: int) -> None:
    """Wait until the browser has stored so many decisions of the studio.

    From then on a tab that is killed may not lose them.

    Raises:
        TimeoutError: it did not in time.
    """
    wait_until(page, _STORED.replace("COUNT", str(decisions)))


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
