"""StepCache of a build that are done already: repeated only where something that they were made from has changed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

from whatsit.engines.onnx_runner import file_fingerprint

_PACKAGE_ROOT = Path(__file__).resolve().parents[1]


class StepCache:
    """Remembers in a work folder which files are whole, and logs what was done.

    A step is known by a key over everything that it was made from. A build that was stopped, or failed late, goes on
    where it was.

    Args:
        work: the folder; `steps.json` and `build.log` are kept there.
        fresh: forget what is done.
    """

    def __init__(self, work: Path, fresh: bool = False) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._file, self._log = work / "steps.json", work / "build.log"
        self._done: dict[str, dict[str, str]] = {}
        if not fresh and self._file.is_file():
            try:
                self._done = json.loads(self._file.read_text(encoding="utf-8"))
            except ValueError:  # cut off while it was written: then every step is done again
                self._done = {}

    def build(self, path: Path, made_from: Mapping[str, str], write: Callable[[], object]) -> Path:
        """Call `write`, which makes `path`, unless the same step has made the same file before."""
        key = hashlib.sha256(json.dumps({**made_from, "code": _code()}, sort_keys=True).encode()).hexdigest()
        done = self._done.get(path.name, {})
        if done.get("key") == key and path.is_file() and done.get("file") == file_fingerprint(path):
            self.log(f"{path.name}: as it was")
            return path
        start = time.perf_counter()
        write()
        self._done[path.name] = {"key": key, "file": file_fingerprint(path)}
        self._file.write_text(json.dumps(self._done, indent=1), encoding="utf-8")
        self.log(f"{path.name}: made in {time.perf_counter() - start:.1f} s, {path.stat().st_size / 1e6:.2f} MB")
        return path

    def log(self, line: str) -> None:
        """Add a line with the time to the build log."""
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{now} {line}\n")


def _code() -> str:
    """SHA-256 of the code that builds: a changed quantiser makes its files again."""
    digest = hashlib.sha256()
    for room in ("engines", "models", "vision"):
        for path in sorted((_PACKAGE_ROOT / room).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
