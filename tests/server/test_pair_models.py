"""The model sets that are laid out for a second embedder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from whatsit_client.errors import WhatsitError

from whatsit.catalogue.serving_pair import ServingPair, write_pair
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, lay_out_repositories, network_file
from whatsit.server.pair_models import place_set, remove_set, wanted_sets
from whatsit.serving.pbtxt import read_config

ROOT = default_root()
OWN = network_file(ROOT / "model_repository", "embedder")
PRINT = "0123456789abcdef-p1"


@pytest.mark.parametrize("fused", [False, True])
def test_every_model_of_a_set_names_its_own_embedder(tmp_path: Path, fused: bool) -> None:
    lay_out_repositories(ROOT, tmp_path, os.symlink)
    repositories = ("fused",) if fused else ("model_repository", "ensembles")
    network = tmp_path / "new" / "model.onnx"
    network.parent.mkdir()
    network.write_bytes(b"another network")
    names = place_set(tmp_path, repositories, PRINT, network, None)
    first = "describe" if fused else "embedder"
    assert names == [f"{one}-{PRINT}" for one in (first, "retrieval", "identify", "embed")]
    folders = {path.name: path for one in repositories for path in (tmp_path / one).iterdir()}
    for name in names:
        config = read_config(folders[name] / "config.pbtxt")
        assert config.name == name
        steps = {step.model_name for step in config.ensemble_scheduling.step}
        assert not steps & {"embedder", "describe", "retrieval"}
    retrieval = read_config(folders[f"retrieval-{PRINT}"] / "config.pbtxt").parameters
    place = folders[f"retrieval-{PRINT}"] / retrieval["embedder"].string_value
    assert place.read_bytes() == b"another network"
    assert (folders[f"retrieval-{PRINT}"] / retrieval["answer"].string_value).is_file()
    if fused:
        networks = (
            folders[f"describe-{PRINT}"]
            / read_config(folders[f"describe-{PRINT}"] / "config.pbtxt").parameters["networks"].string_value
        )
        assert (networks / "embedder" / "1" / "model.onnx").read_bytes() == b"another network"
        assert (networks / "detector" / "labels.txt").is_file()
    else:
        assert (folders[f"embedder-{PRINT}"] / "1" / "model.onnx").read_bytes() == b"another network"
    remove_set(tmp_path, repositories, PRINT)
    assert not [path for one in repositories for path in (tmp_path / one).iterdir() if PRINT in path.name]


def test_a_damaged_network_beside_does_not_keep_a_server_from_starting(tmp_path: Path) -> None:
    own = embedder_fingerprint(OWN)
    assert wanted_sets([tmp_path], OWN).networks == {own: OWN}
    write_pair(tmp_path, ServingPair(own, PRINT))
    assert wanted_sets([tmp_path], OWN).refused == ()  # it is not ready, so that nobody loads it
    write_pair(tmp_path, ServingPair(own, PRINT, ready=True))
    sets = wanted_sets([tmp_path], OWN)
    assert (sets.base, list(sets.networks)) == (own, [own])
    assert "abort the roll-out" in sets.refused[0]
    write_pair(tmp_path, ServingPair(PRINT, own, ready=True))
    with pytest.raises(WhatsitError, match="is not the file"):
        wanted_sets([tmp_path], OWN)
