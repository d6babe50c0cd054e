"""Wait for a state of a page whose policy forbids `eval`, which Playwright's `wait_for_function` uses."""

from __future__ import annotations

import time
from typing import Any

_STORED = """new Promise((resolve) => {
  const opening = indexedDB.open(NAME);
  opening.onsuccess = () => {
    const request = opening.result.transaction(TABLE).objectStore(TABLE).count();
    request.onsuccess = () => { opening.result.close(); resolve(request.result === COUNT); };
  };
})"""


def wait_stored(page: Any, decisions: int) -> None:
    """Wait until the browser has stored so many decisions of the studio.

    From then on a tab that is killed may not lose them.

    Raises:
        TimeoutError: it did not in time.
    """
    _wait_count(page, "whatsit-studio", "decisions", decisions)


def wait_kept(page: Any, photos: int) -> None:
    """Wait until the browser has kept so many photos: from then on a reload finds them.

    Raises:
        TimeoutError: it did not in time.
    """
    _wait_count(page, "whatsit", "photos", photos)


def _wait_count(page: Any, database: str, table: str, count: int) -> None:
    script = _STORED.replace("NAME", repr(database)).replace("TABLE", repr(table))
    wait_until(page, script.replace("COUNT", str(count)))


def wait_until(page: Any, expression: str, seconds: float = 90) -> Any:
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
