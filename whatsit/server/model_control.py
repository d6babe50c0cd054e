"""Calls of Triton for readiness and model control."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import Unavailable

_GRPC_PREFIX = "triton-grpc-protocol-"  # of the metadata that opens restricted protocols

_LONGEST_SOCKET = 100  # of the system's 108 bytes, with a number behind it


def control_socket(folder: Path | None, closed: bool) -> str:
    """Return the gRPC address of a closed server, a socket in its folder.

    Triton adds a colon and its port to it.
    "" for an open server, and where the system takes no path so long.
    """
    path = f"{folder}/control"
    return f"unix:{path}" if closed and folder and len(path) < _LONGEST_SOCKET else ""


def answers(url: str, headers: Mapping[str, str]) -> bool:
    """Return whether a GET is answered with 200 within a second."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=1) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@dataclass(frozen=True)
class ModelControl:
    """Loads and unloads models of a Triton.

    Over HTTP a load takes one of Triton's threads for as long as it lasts, and with it every connection that this
    thread has: their calls wait. Over gRPC it does not, so a server with a gateway has a socket of its own for it.

    Args:
        http_url: `host:port` of the server.
        headers: with the server's key.
        socket: gRPC address to use in place of HTTP, "" for none.
    """

    http_url: str
    headers: Mapping[str, str]
    socket: str = ""

    def __call__(self, action: str, model: str, timeout: float = 120.0) -> None:
        """Load or unload a model; see `change_model`."""
        if not self.socket:
            change_model(model, action, self.http_url, self.headers, timeout)
            return
        import grpc
        from tritonclient.grpc import service_pb2, service_pb2_grpc

        metadata = [(f"{_GRPC_PREFIX}{name}", value) for name, value in self.headers.items()]
        with grpc.insecure_channel(self.socket) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            try:
                if action == "load":
                    request = service_pb2.RepositoryModelLoadRequest(model_name=model)
                    stub.RepositoryModelLoad(request, timeout=timeout, metadata=metadata)
                else:
                    request = service_pb2.RepositoryModelUnloadRequest(model_name=model)
                    stub.RepositoryModelUnload(request, timeout=timeout, metadata=metadata)
            except grpc.RpcError as error:
                raise Unavailable(f"The step {model} could not be {action}ed: {error.details()[:400]}.") from error


def load_again(model: str, folders: Iterable[Path], control: ModelControl, timeout: float) -> None:
    """Replace all processes of a model.

    Those before serve until those after are ready.

    Args:
        model: name in the model repository.
        folders: where the model may be.
        control: of the server.
        timeout: seconds to wait for it.

    Raises:
        Unavailable: the server does not run, or could not load the model.
    """
    for version in (path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_dir()):
        os.utime(version)  # Triton loads a model again only where its files are newer
    control("load", model, timeout)


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
