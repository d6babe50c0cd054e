"""The current generation: the file `CURRENT` beside the folder `generations`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from whatsit_client.errors import Damaged

CURRENT = "CURRENT"
GENERATIONS = "generations"

_NAME = re.compile(r"\d{6,}-[0-9a-f]{8}")


def current(root: Path) -> str | None:
    """Return the current generation's name, None before the first; cheap per request.

    Raises:
        Damaged: `CURRENT` is there but cannot be read or names nothing that is a generation.
    """
    try:
        name = (root / CURRENT).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Damaged(f"{root / CURRENT} cannot be read ({error}); run 'whatsit catalogue publish' again.") from error
    if not is_generation_name(name):
        raise Damaged(f"{root / CURRENT} names no generation ('{name[:40]}'); run 'whatsit catalogue publish' again.")
    return name


def is_generation_name(name: str) -> bool:
    """Return whether `name` is a generation's: a number, a dash, eight hex digits."""
    return _NAME.fullmatch(name) is not None


def set_current(root: Path, name: str) -> None:
    """Make `name` the current generation atomically."""
    temporary = root / f".{CURRENT}.{os.getpid()}"
    with temporary.open("w", encoding="ascii") as file:
        file.write(name + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, root / CURRENT)
    sync_folder(root)


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
