"""Keys of callers: made, listed, revoked and checked.

A key is `wk_ID_SECRET`. Its secret is 256 random bits, so that one SHA-256 protects it; the file holds only digests.
"""

from __future__ import annotations

import enum
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

from platformdirs import user_config_path
from pydantic import Field, TypeAdapter, ValidationError
from whatsit_client.errors import Damaged, InvalidInput, Unavailable

KEYS_VARIABLE = "WHATSIT_KEYS"
_NAME = re.compile(r"[\w.@-]{1,64}")
_CHECK_SECONDS = 0.25  # the file is looked at no more often than this


class Role(enum.IntEnum):
    """What a caller may do; each role includes those before it."""

    SEARCH = 1
    EDIT = 2
    ADMIN = 3

    @classmethod
    def parse(cls, name: str) -> Role:
        """Return the role of this name; raises `InvalidInput`."""
        try:
            return cls[name.upper()]
        except KeyError as error:
            raise InvalidInput(f"There is no role '{name}': choose search, edit or admin.") from error


@dataclass(frozen=True)
class Key:
    """A key without its secret.

    Args:
        id: public part, also in the logs.
        name: of its holder, chosen by the owner.
        role: search, edit or admin.
        digest: SHA-256 of the secret, hexadecimal.
        created: UTC, ISO 8601.
        rate: requests a second; None for the server's limit.
        catalogues: names of the catalogues that it opens; () for all.
        revoked: when it was revoked, UTC, ISO 8601; None while it is valid.
    """

    id: str
    name: str
    role: Annotated[str, Field(pattern="^(search|edit|admin)$")]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created: str
    rate: float | None = None
    catalogues: tuple[str, ...] = ()
    revoked: str | None = None


_KEYS = TypeAdapter(tuple[Key, ...])


def default_keys_file() -> Path:
    """Return the file of the keys: $WHATSIT_KEYS, or the user's."""
    given = os.environ.get(KEYS_VARIABLE)
    return Path(given) if given else user_config_path("whatsit") / "keys.json"


class KeyFile:
    """The keys in a file, changed by the command line and read by servers.

    Args:
        path: JSON, readable by its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Key, ...]:
        """Return all keys, revoked ones too; () where there is no file.

        Raises:
            Damaged: the file is no file of keys.
            Unavailable: it cannot be read.
        """
        try:
            if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):
                raise Damaged(f"{self.path} is no file of keys: it is no regular file.")
            return _KEYS.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable(f"The keys in {self.path} cannot be read ({error.strerror}).") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise Damaged(
                f"{self.path} is no file of keys ({place or 'JSON'}: {first['msg']}): restore it, or delete it and "
                "make new keys."
            ) from error

    def add(self, name: str, role: str, rate: float | None = None, catalogues: tuple[str, ...] = ()) -> str:
        """Make a key and return it in full, which is possible this once.

        Raises:
            InvalidInput: the name is taken or none, the role is unknown or the rate not positive.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"'{name}' cannot name a key: use 1 to 64 letters, digits and . @ _ -")
        if rate is not None and not 0 < rate < 1e6:
            raise InvalidInput(f"A rate is a positive number of requests a second, not {rate}.")
        Role.parse(role)
        with self._changing() as keys:
            if any(name in (key.name, key.id) and key.revoked is None for key in keys):
                raise InvalidInput(
                    f"There is a key named '{name}' already: revoke or rotate it, or choose another name."
                )
            key, full = _new_key(name, role.lower(), rate, catalogues)
            keys.append(key)
        return full

    def revoke(self, name: str) -> None:
        """Make a key invalid; servers notice within a second.

        Raises:
            InvalidInput: there is no valid key of this name or id.
        """
        with self._changing() as keys:
            keys[_position(keys, name)] = replace(keys[_position(keys, name)], revoked=_now())

    def rotate(self, name: str) -> str:
        """Replace a key by a new one of the same name and role, and return that in full."""
        with self._changing() as keys:
            position = _position(keys, name)
            old = keys[position]
            keys[position] = replace(old, revoked=_now())
            key, full = _new_key(old.name, old.role, old.rate, old.catalogues)
            keys.append(key)
        return full

    @contextmanager
    def _changing(self) -> Iterator[list[Key]]:
        """Give the keys to change; they are written when the block ends without an error."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._beside(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = list(self.read())
                yield keys
                new = self._beside(".new")
                new.unlink(missing_ok=True)  # one that an interrupted change left may be readable by others
                with os.fdopen(
                    os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
                ) as file:
                    json.dump([asdict(key) for key in keys], file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self.path)
        except OSError as error:
            raise Unavailable(f"The keys cannot be written to {self.path} ({error.strerror}).") from error

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


class KeyRing:
    """Checks keys against a file, and follows its changes.

    Args:
        file: of the keys.

    Raises:
        Damaged, Unavailable: the file cannot be read.
    """

    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._checked = time.monotonic()
        self._stamp: tuple[int, int, int] | None = None
        self._valid: dict[str, Key] = {}
        self._load(self._file_stamp())

    def __len__(self) -> int:
        """Return the number of valid keys."""
        return len(self._valid)

    def find(self, full: str) -> Key | None:
        """Return the valid key that this text is, else None."""
        if time.monotonic() - self._checked > _CHECK_SECONDS:
            self._follow()
        id, secret = split_key(full)
        key = self._valid.get(id)
        known = key.digest if key else "0" * 64  # compared all the same, so that both refusals take equally long
        return key if hmac.compare_digest(_digest(secret), known) and key else None

    def _follow(self) -> None:
        self._checked = time.monotonic()
        stamp = self._file_stamp()
        if stamp != self._stamp or not self._valid:
            try:
                self._load(stamp)
            except (Damaged, Unavailable):
                self._valid = {}  # a file that cannot be read opens nothing

    def _load(self, stamp: tuple[int, int, int] | None) -> None:
        self._valid = {key.id: key for key in self._file.read() if key.revoked is None}
        self._stamp = stamp

    def _file_stamp(self) -> tuple[int, int, int] | None:
        """Return what changes with the file; None where there is none."""
        try:
            status = self._file.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def split_key(full: str) -> tuple[str, str]:
    """Return id and secret of a key; two empty texts where it is none."""
    parts = full.split("_", 2)
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "wk" else ("", "")


def _new_key(name: str, role: str, rate: float | None, catalogues: tuple[str, ...]) -> tuple[Key, str]:
    id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    return Key(id, name, role, _digest(secret), _now(), rate, catalogues), f"wk_{id}_{secret}"


def _position(keys: list[Key], name: str) -> int:
    for position, key in enumerate(keys):
        if name in (key.name, key.id) and key.revoked is None:
            return position
    raise InvalidInput(f"There is no valid key '{name}': `whatsit keys list` shows them.")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
