"""The engine of each network that `whatsit engines choose --write` chose."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from whatsit_client.errors import Unavailable

from whatsit.engines.onnx_runner import file_fingerprint
from whatsit.engines.repository import NETWORKS, config_file, network_file, overlay_folder

CHOSEN = "chosen"
"""Name of the configs of a choice, for Triton's `--model-config-name`."""

CPU_ENGINES = ("onnxruntime", "openvino")
_FIRST_LINE = re.compile(r"# Chosen by `whatsit engines choose`: (\w+) for model\.onnx ([0-9a-f]{16})\.")


def chosen_engines(model_repository: Path) -> dict[str, str]:
    """Return the engine of each network; ONNX Runtime where nothing was chosen.

    A choice counts while all networks are those that it was measured with, and OpenVINO is installed.
    """
    engines = {}
    for network in NETWORKS:
        path = config_file(model_repository, network, CHOSEN)
        found = _FIRST_LINE.match(path.read_text(encoding="utf-8")) if path.is_file() else None
        if found is None or found[2] != file_fingerprint(network_file(model_repository, network))[:16]:
            return dict.fromkeys(NETWORKS, CPU_ENGINES[0])
        engines[network] = found[1]
    if importlib.util.find_spec("openvino") is None:
        return dict.fromkeys(NETWORKS, CPU_ENGINES[0])
    return engines


def write_choice(model_repository: Path, engines: Mapping[str, str]) -> list[Path]:
    """Write `configs/chosen.pbtxt` of each network where a server reads it.

    Args:
        model_repository: the folder with the networks.
        engines: network -> one of `CPU_ENGINES`.

    Returns:
        The written files.

    Raises:
        Unavailable: the folder cannot be written, or a network has no configuration of its engine.
    """
    written = []
    for network, engine in engines.items():
        source = model_repository / network / "config.pbtxt"
        if engine != CPU_ENGINES[0]:
            source = config_file(model_repository, network, engine)
        mark = file_fingerprint(network_file(model_repository, network))[:16]
        target = overlay_folder(model_repository) / network / "configs" / f"{CHOSEN}.pbtxt"
        try:
            text = source.read_text(encoding="utf-8")
            target.parent.mkdir(parents=True, exist_ok=True)
            head = f"# Chosen by `whatsit engines choose`: {engine} for model.onnx {mark}.\n"
            target.write_text(head + text, encoding="utf-8")
        except OSError as error:
            raise Unavailable(
                f"The choice for {network} cannot be written to {target} ({error.strerror}): set WHATSIT_CACHE to a "
                "folder that can be, or copy the repository with `whatsit repository`."
            ) from error
        written.append(target)
    return written


def forget_choice(model_repository: Path) -> list[Path]:
    """Delete a choice; return the deleted files."""
    paths = [overlay_folder(model_repository) / name / "configs" / f"{CHOSEN}.pbtxt" for name in NETWORKS]
    found = [path for path in paths if path.is_file()]
    for path in found:
        path.unlink()
    return found
