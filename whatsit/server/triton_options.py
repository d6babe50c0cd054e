"""The options of a tritonserver."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from whatsit.server.ports import Ports


def triton_options(
    repositories: Sequence[Path],
    backends: Path,
    host: str,
    ports: Ports,
    restriction: Sequence[str],
    config_name: str | None,
    socket: str = "",
) -> list[str]:
    """Return the options of tritonserver.

    Args:
        repositories: the folders of models.
        backends: folder of the backends, in the server's own temporary folder.
        host: address to listen on.
        ports: to listen on.
        restriction: options that close protocols.
        config_name: of the models' configurations, None for their default.
        socket: gRPC address in place of the host, "" for none.
    """
    options = [
        *(f"--model-repository={folder}" for folder in repositories),
        f"--backend-directory={backends}",
        f"--http-address={host}",
        f"--http-port={ports.http}",
        f"--grpc-address={socket or host}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-address={host}",
        f"--metrics-port={ports.metrics}",
        *restriction,
        "--model-control-mode=explicit",
        "--load-model=*",
        "--backend-config=python,shm-default-byte-size=33554432",  # growth may end a stub of 2.51: it writes behind
        f"--backend-config=python,shm-region-prefix-name={backends.parent.name}-",
        "--model-load-thread-count=8",
        "--disable-auto-complete-config",  # else a process more per model starts, to ask for what stands there
        "--metrics-config=summary_latencies=true",
        "--metrics-config=summary_quantiles=0.5:0.01,0.9:0.01,0.99:0.001",
        "--exit-timeout-secs=5",
        "--log-verbose=0",
    ]
    if config_name:
        options.append(f"--model-config-name={config_name}")
    return options
