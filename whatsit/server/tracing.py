"""Tracing of single requests, step by step, through Triton's options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from whatsit_client.errors import InvalidInput

SERVICE = "whatsit"
_FILE_HOLDS = 100  # traces; Triton then begins the next file


@dataclass(frozen=True)
class Tracing:
    """Settings of tracing: which requests, and where to.

    Args:
        to: URL of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://collector:4318/v1/traces`, or
            else the path of a file, to which Triton appends numbers: `traces.json.0`, `traces.json.1`, ...
        rate: one request of so many is traced.

    Raises:
        InvalidInput: the rate is none, or the URL or the file's folder cannot be.
    """

    to: str
    rate: int = 1000

    def __post_init__(self) -> None:
        if self.rate < 1:
            raise InvalidInput(f"One request of {self.rate} cannot be traced: give a rate of 1 or more.")
        if "://" in self.to:
            parts = urlsplit(self.to)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                raise InvalidInput(
                    f"Traces cannot go to {self.to}: give a URL such as http://collector:4318/v1/traces, or a file."
                )
        elif not self.file.parent.is_dir():
            raise InvalidInput(f"Traces cannot go to {self.to}: there is no folder {self.file.parent}.")

    @property
    def file(self) -> Path:
        """Return the absolute path: the server works in another folder."""
        return Path(self.to).resolve()

    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of tritonserver."""
        if "://" in self.to:
            options = [
                "mode=opentelemetry",
                f"opentelemetry,url={self.to}",
                f"opentelemetry,resource=service.name={SERVICE}",
                "opentelemetry,bsp_schedule_delay=1000",
            ]
        else:
            options = ["mode=triton", f"triton,file={self.file}", f"triton,log-frequency={_FILE_HOLDS}"]
        options += ["level=TIMESTAMPS", f"rate={self.rate}"]
        return tuple(f"--trace-config={option}" for option in options)
