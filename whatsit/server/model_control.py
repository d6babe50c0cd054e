"""Calls of Triton's HTTP endpoint for readiness and model control."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

from whatsit_client.errors import Unavailable


def answers(url: str, headers: Mapping[str, str]) -> bool:
    """Return whether a GET is answered with 200 within a second."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=1) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def load_again(model: str, folders: Iterable[Path], http_url: str, headers: Mapping[str, str], timeout: float) -> None:
    """Replace all processes of a model.

    Those before serve until those after are ready.

    Args:
        model: name in the model repository.
        folders: where the model may be.
        http_url: `host:port` of the server.
        headers: with the server's key.
        timeout: seconds to wait for it.

    Raises:
        Unavailable: the server does not run, or could not load the model.
    """
    for version in (path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_dir()):
        os.utime(version)  # Triton loads a model again only where its files are newer
    change_model(model, "load", http_url, headers, timeout)


def change_model(model: str, action: str, http_url: str, headers: Mapping[str, str], timeout: float) -> None:
    """Load or unload a model.

    Args:
        model: name in the model repository.
        action: "load" or "unload".
        http_url: `host:port` of the server.
        headers: with the server's key.
        timeout: seconds to wait for it.

    Raises:
        Unavailable: the server does not run, or could not do it.
    """
    url = f"http://{http_url}/v2/repository/models/{model}/{action}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, b"{}", dict(headers)), timeout=timeout):
            return
    except urllib.error.HTTPError as error:
        reason = error.read().decode(errors="replace")[:400]
    except OSError as error:
        reason = str(error)
    raise Unavailable(f"The step {model} could not be {action}ed: {reason}.")
