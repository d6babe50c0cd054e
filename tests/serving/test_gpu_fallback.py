"""The GPU's configs in a real Triton without a GPU: steps fall back to the CPU, as do models without such a config."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from whatsit_client import Client

from whatsit.engines.repository import NETWORKS, default_root
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports


@pytest.mark.triton
def test_without_engines_the_answers_are_the_cpus(server: Server, catalogue: Path, shop: Path, tmp_path: Path) -> None:
    for folder in ("model_repository", "ensembles"):
        shutil.copytree(default_root() / folder, tmp_path / folder)
    for network in NETWORKS:
        shutil.rmtree(tmp_path / "model_repository" / network / "configs")
        # As in build/Dockerfile.server before the engines' volume is there.
        (tmp_path / "model_repository" / network / "1" / "model.plan").unlink(missing_ok=True)
        (tmp_path / "model_repository" / network / "1" / "model.plan").symlink_to(tmp_path / f"{network}.plan")
    photo = shop / "scenes" / "scene-000.jpg"
    with Client(server.grpc_url) as client:
        expected = client.identify(photo)
    arguments = (
        "--model-config-name=tensorrt",
        "--model-load-thread-count=1",
    )  # less at once: this is the second server
    with Server(catalogue, tmp_path, ports=Ports(0, 0, 0), arguments=arguments) as gpu, Client(gpu.grpc_url) as client:
        found = client.identify(photo)
        assert gpu.log.count("TRITONBACKEND_ModelInstanceInitialize: decode") == 4, (
            "decode did not take the GPU's config"
        )
    assert found.answer == expected.answer
    assert [region.box for region in found.regions] == [region.box for region in expected.regions]
    assert [[match.item.id for match in region.matches] for region in found.regions] == [
        [match.item.id for match in region.matches] for region in expected.regions
    ]
