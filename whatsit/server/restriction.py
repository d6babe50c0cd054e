"""Key that closes protocols of a Triton to whoever does not hold it."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

HEADER = "whatsit-key"
MODEL_CONTROL = "model-repository"
HTTP_GROUPS = (
    "health",
    "metadata",
    "inference",
    "shared-memory",
    "model-config",
    MODEL_CONTROL,
    "statistics",
    "trace",
    "logging",
)
_ARGUMENTS_BEGIN, _ARGUMENTS_END = 48, 49  # fields of /proc/PID/stat, counted from 1
_AFTER_NAME = 3  # the first of them after the process's name, which may hold spaces


def make_key() -> str:
    """Return a random key."""
    return secrets.token_hex(32)


def restriction_options(key: str, closed: bool, control: bool = False) -> list[str]:
    """Return Triton's options that restrict protocols to holders of the key.

    Args:
        key: of `make_key`.
        closed: all of HTTP, and no other protocol but metrics; else models alone cannot be loaded or unloaded.
        control: a closed server has gRPC, for holders of the key too: on a socket in a folder of this user.
    """
    if closed:
        groups = ",".join(HTTP_GROUPS)
        return [
            f"--grpc-restricted-protocol={groups}:{HEADER}={key}" if control else "--allow-grpc=false",
            "--allow-sagemaker=false",
            "--allow-vertex-ai=false",  # with AIP_MODE=PREDICTION in the environment it would listen
            f"--http-restricted-api={groups}:{HEADER}={key}",
        ]
    return [
        f"--http-restricted-api={MODEL_CONTROL}:{HEADER}={key}",
        f"--grpc-restricted-protocol={MODEL_CONTROL}:{HEADER}={key}",
    ]


def hide_in_command_line(pid: int, key: str) -> bool:
    """Overwrite the key in the command line of a process that has read its options.

    Args:
        pid: process of the same user, and a descendant where the system restricts ptrace.
        key: the text to replace with asterisks.

    Returns:
        Whether the key is not, or no longer, to be seen in /proc/PID/cmdline.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        begin, end = (int(fields[field - _AFTER_NAME]) for field in (_ARGUMENTS_BEGIN, _ARGUMENTS_END))
        if begin:
            with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
                memory.seek(begin)
                arguments = memory.read(end - begin)
                memory.seek(begin)
                memory.write(arguments.replace(key.encode(), b"*" * len(key)))
    with contextlib.suppress(OSError):
        return key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True
