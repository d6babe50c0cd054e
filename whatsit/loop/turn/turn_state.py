"""State of a turn: which steps are done, written atomically."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from whatsit_client.errors import Damaged, Unavailable

from whatsit.index.current_generation import sync_folder

STEPS = ("collect", "clean", "split", "train", "evaluate", "gate", "rollout", "watch")
STATE, LOG, REPORT = "state.json", "log.txt", "report.html"

Outcome = Literal["", "too few clicks", "clicks refused", "refused", "not rolled out", "kept", "rolled back"]


@dataclass(frozen=True)
class TurnState:
    """A turn of the loop.

    Args:
        number: 1 for the first.
        catalogue: its folder.
        recipe: as it was when the turn began; a resumed turn keeps it.
        begun: when, ISO 8601.
        serving: fingerprint of the embedder that served then.
        start: checkpoint that training begins with.
        steps: step -> what it returned, of those that are done.
        seconds: step -> how long it took.
        outcome: how the turn ended, "" while it goes on.
        sentence: that says so.
    """

    number: int
    catalogue: str
    recipe: Mapping[str, Any]
    begun: str
    serving: str
    start: str
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: Outcome = ""
    sentence: str = ""

    @property
    def next_step(self) -> str | None:
        """Return the step that is not done; None at the turn's end."""
        return None if self.outcome else next((step for step in STEPS if step not in self.steps), None)

    def with_step(self, step: str, result: dict[str, Any], seconds: float) -> TurnState:
        """Return the state with a step done."""
        timed = {**self.seconds, step: round(self.seconds.get(step, 0.0) + seconds, 1)}
        return replace(self, steps={**self.steps, step: result}, seconds=timed)

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def turn_folders(work: Path) -> list[Path]:
    """Return the folders of a loop's turns, the first one first."""
    return sorted(path.parent for path in work.glob(f"turn-*/{STATE}"))


def turn_folder(work: Path, number: int) -> Path:
    """Return the folder of a turn."""
    return work / f"turn-{number:04d}"


def read_state(folder: Path) -> TurnState:
    """Read the state of a turn.

    Raises:
        Damaged: it cannot be read.
    """
    file = folder / STATE
    try:
        return TurnState(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"{file} is not the state of a turn ({error}): remove the folder {folder}.") from error


def write_state(folder: Path, state: TurnState) -> None:
    """Replace the state; a reader sees the old one or the new one."""
    write_json(folder / STATE, state.to_record())


def write_json(file: Path, value: Any) -> None:
    """Write a file atomically."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with part.open("w", encoding="utf-8") as out:
        json.dump(value, out, ensure_ascii=False, indent=1)
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, file)
    sync_folder(file.parent)


def read_json(file: Path) -> Any:
    """Read what `write_json` wrote.

    Raises:
        Damaged: it cannot be read.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(f"{file} cannot be read ({error}): begin another turn.") from error


@contextmanager
def alone(work: Path) -> Iterator[None]:
    """Refuse a second command on the same loop.

    Raises:
        Unavailable: one is running, or the folder cannot be written.
    """
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = (work / ".lock").open("w")
    except OSError as error:
        raise Unavailable(
            f"The loop's folder {work} cannot be written ({error.strerror}): pass another --work."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Unavailable(f"Another command works on the loop in {work}: wait for its end, or stop it.") from error
        yield


def now() -> str:
    """Return the time, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
