"""Processes of a Triton's steps, one for each instance of a Python model."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil

from whatsit.server.installation import STUB


@dataclass(frozen=True)
class StepProcess:
    """A process of a step.

    Args:
        model: name of the step in the model repository.
        instance: Triton's name of the model instance, such as "decode_0_0".
        process: of the operating system.
    """

    model: str
    instance: str
    process: psutil.Process

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    def is_alive(self) -> bool:
        """Return whether the process runs; one that ended and is not waited for does not."""
        try:
            return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> None:
        """End the process at once; does nothing where it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.kill()


def step_processes(triton: int) -> list[StepProcess]:
    """Return the living processes of the steps, by instance.

    Args:
        triton: process id of tritonserver; an empty list where it has ended.
    """
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(triton).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                # The stub, the model's file, ..., the model instance, the backend.
                command = child.cmdline()
                if len(command) > 3 and Path(command[0]).name == STUB:
                    found.append(StepProcess(Path(command[1]).parts[-3], command[-2], child))
    return sorted(found, key=lambda step: step.instance)
