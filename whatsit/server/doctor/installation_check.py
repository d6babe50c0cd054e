"""Checks of the installation: packages, Triton, networks, ports."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from whatsit_client.errors import WhatsitError
from whatsit_client.transport.port_hint import speaker_at
from whatsit_client.version import __version__

from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import NETWORKS, default_root, network_file
from whatsit.server.doctor.check_result import CheckResult, note, ok, wrong
from whatsit.server.installation import find_installation

# Package -> module, by what needs them.
_NEEDED = {
    "pipeline": {
        "onnxruntime": "onnxruntime",
        "opencv-python-headless": "cv2",
        "pillow": "PIL",
        "pillow-heif": "pillow_heif",
        "pyarrow": "pyarrow",
        "pydantic": "pydantic",
        "zstandard": "zstandard",
        "python-calamine": "python_calamine",
    },
    "serve": {"fastapi": "fastapi", "uvicorn": "uvicorn", "psutil": "psutil", "orjson": "orjson"},
}
_FAISS = ("faiss-cpu", "faiss-gpu")
_PORTS = {8080: "the gateway's HTTP", 8001: "gRPC", 8002: "metrics", 8000: "Triton's old HTTP"}
_OPTIONS = {8080: "--port", 8001: "--grpc-port", 8002: "--metrics-port", 8000: "--http-port"}
_WORDS = {"http": "speaks HTTP", "grpc": "speaks gRPC", "metrics": "speaks HTTP", "tls": "speaks TLS"}


def check_libraries() -> Iterator[CheckResult]:
    """Yield what is installed, and what is missing or does not fit."""
    yield ok("libraries", f"whatsit {__version__}")
    for extra, packages in _NEEDED.items():
        missing = [name for name, module in packages.items() if importlib.util.find_spec(module) is None]
        if missing:
            yield wrong("libraries", f"{', '.join(missing)} is missing", f"pip install 'whatsit[{extra}]'")
        else:
            yield ok("libraries", ", ".join(f"{name} {_version(name)}" for name in packages))
    yield _faiss()
    yield _numpy()
    try:
        find_installation()
        yield ok("libraries", f"Triton of nvidia-pytriton {_version('nvidia-pytriton')}")
    except WhatsitError as error:
        what, _, advice = str(error).rstrip(".").partition(": ")
        yield note("libraries", what, advice or "Everything but `whatsit serve` and `demo` runs without it")


def check_networks(model_repository: Path | None) -> Iterator[CheckResult]:
    """Yield whether the networks are there."""
    root = model_repository or default_root() / "model_repository"
    for network in NETWORKS:
        try:
            file = network_file(root, network)
            size = file.stat().st_size / 1e6
            print_of = f", fingerprint {embedder_fingerprint(file)[:12]}" if network == "embedder" else ""
            yield ok("networks", f"{network}: {size:.1f} MB{print_of}")
        except (WhatsitError, OSError) as error:  # noqa: PERF203 # each network is looked at
            advice = f"Install Whatsit again, or `whatsit build {network}`"
            yield wrong("networks", f"{network}: {str(error).rstrip('.')}", advice)


def check_ports() -> Iterator[CheckResult]:
    """Yield which of a server's usual ports are free."""
    taken = {}
    for port in _PORTS:
        speaker = speaker_at(f"127.0.0.1:{port}") if _is_taken(port) else None
        if _is_taken(port):
            taken[port] = _WORDS.get(speaker or "", "answers nothing that is known")
    if not taken:
        yield ok("ports", f"{', '.join(map(str, _PORTS))} are free")
    for port, words in taken.items():
        yield note(
            "ports",
            f"port {port} ({_PORTS[port]}) is taken: what listens there {words}",
            f"If it is no Whatsit server of yours, give `whatsit serve` another one with {_OPTIONS[port]}",
        )


def _is_taken(port: int) -> bool:
    from whatsit.server.ports import free_port

    return free_port("127.0.0.1", port) != port


def _faiss() -> CheckResult:
    found = [name for name in _FAISS if _version(name) != "?"]
    if len(found) > 1:
        return wrong(
            "libraries",
            "faiss-cpu and faiss-gpu are both installed and are the same module",
            "pip uninstall both, then install the one that you want",
        )
    if importlib.util.find_spec("faiss") is None:
        return wrong("libraries", "faiss is missing", "pip install 'whatsit[steps]'")
    return ok("libraries", f"{found[0] if found else 'faiss'} {_version(found[0]) if found else ''}".strip())


def _numpy() -> CheckResult:
    found = _version("numpy")
    if found.startswith("2") and importlib.util.find_spec("pytriton") is not None:
        return wrong("libraries", f"numpy {found} does not fit Triton's wheel", "pip install 'numpy<2'")
    return ok("libraries", f"numpy {found}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"
