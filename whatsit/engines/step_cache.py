"""Caches the steps of a build by a key over their inputs and the code."""

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
    """Cache of the files in a work folder, with a build log.

    The key of a step covers all of its inputs. A stopped or failed build continues at the first missing step.

    Args:
        work: the folder; contains `steps.json` and `build.log`.
        fresh: ignore earlier results.
    """

    def __init__(self, work: Path, fresh: bool = False) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._file, self._log = work / "steps.json", work / "build.log"
        self._done: dict[str, dict[str, str]] = {}
        if not fresh and self._file.is_file():
            try:
                self._done = json.loads(self._file.read_text(encoding="utf-8"))
            except ValueError:  # truncated while it was written: repeat every step
                self._done = {}

    def build(self, path: Path, inputs: Mapping[str, str], write: Callable[[], object]) -> Path:
        """Call `write`, which makes `path`, unless the file is cached for these inputs."""
        key = hashlib.sha256(json.dumps({**inputs, "code": _code()}, sort_keys=True).encode()).hexdigest()
        done = self._done.get(path.name, {})
        if done.get("key") == key and path.is_file() and done.get("file") == file_fingerprint(path):
            self.log(f"{path.name}: cached")
            return path
        start = time.perf_counter()
        write()
        self._done[path.name] = {"key": key, "file": file_fingerprint(path)}
        self._file.write_text(json.dumps(self._done, indent=1), encoding="utf-8")
        self.log(f"{path.name}: made in {time.perf_counter() - start:.1f} s, {path.stat().st_size / 1e6:.2f} MB")
        return path

    def log(self, line: str) -> None:
        """Append a line with the time to the build log."""
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{now} {line}\n")


def _code() -> str:
    """Return the SHA-256 of the build code: changing it invalidates cached steps."""
    digest = hashlib.sha256()
    for package in ("engines", "models", "vision"):
        for path in sorted((_PACKAGE_ROOT / package).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
