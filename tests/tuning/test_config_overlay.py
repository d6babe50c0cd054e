"""Overlays are whole configurations that say what the values say, and nothing else changes in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from whatsit_client.errors import Damaged, Unavailable

from whatsit.serving.pbtxt import read_config, write_config
from whatsit.tuning.config_overlay import check_named, stale_models, write_overlays
from whatsit.tuning.search_space import PIPELINE, Configuration, Knob, read_space


@pytest.fixture
def copy(models: Path, tmp_path: Path) -> Path:
    """A repository without its networks' files."""
    shutil.copytree(models, tmp_path / "models", ignore=shutil.ignore_patterns("*.onnx", "tuned.pbtxt"))
    return tmp_path / "models"


def test_the_shipped_values_give_the_shipped_configuration(copy: Path) -> None:
    _, shipped = read_space(copy, None, 4)
    for path in write_overlays(copy, None, shipped, "tuned", "Test.", copy):
        model = path.parents[1]
        assert path == model / "configs" / "tuned.pbtxt"
        assert read_config(path) == read_config(model / "config.pbtxt")


def test_values_reach_the_fields_that_triton_reads(copy: Path) -> None:
    _, shipped = read_space(copy, None, 8, min_regions=2)
    wanted = shipped.with_(
        {
            Knob("embedder", "instances"): 5,
            Knob("embedder", "delay_us"): 2000,
            Knob("embedder", "preferred"): (8,),
            Knob("detector", "threads"): 4,
            Knob("regions", "cap"): 3,
        }
    )
    write_overlays(copy, None, wanted, "tuned", "Two\nlines.", copy)
    text = {model: (copy / model / "configs" / "tuned.pbtxt").read_text() for model in PIPELINE}
    found = {model: text_format.Parse(text[model], model_config_pb2.ModelConfig()) for model in PIPELINE}
    assert found["embedder"].instance_group[0].count == 5
    assert found["embedder"].dynamic_batching.max_queue_delay_microseconds == 2000
    assert list(found["embedder"].dynamic_batching.preferred_batch_size) == [8]
    assert found["detector"].parameters["intra_op_thread_count"].string_value == "4"
    assert found["regions"].parameters["cap"].string_value == "3"
    for model, config in found.items():  # all else is as it was
        for field in ("instance_group", "dynamic_batching", "parameters"):
            config.ClearField(field)
        untouched = read_config(copy / model / "config.pbtxt")
        for field in ("instance_group", "dynamic_batching", "parameters"):
            untouched.ClearField(field)
        assert config == untouched
    assert read_space(copy, "tuned", 8, min_regions=2)[1] == wanted


def test_what_others_put_into_a_config_stays(copy: Path) -> None:
    path = copy / "embedder" / "config.pbtxt"
    config = read_config(path)
    config.dynamic_batching.default_queue_policy.max_queue_size = 77
    config.response_cache.enable = True
    write_config(config, path, "Changed.")
    space, start = read_space(copy, None, 4)
    assert space.has("embedder", "delay_us")
    write_overlays(copy, None, start.with_({Knob("embedder", "delay_us"): 500}), "tuned", "Test.", copy)
    written = read_config(copy / "embedder" / "configs" / "tuned.pbtxt")
    config.dynamic_batching.max_queue_delay_microseconds = 500
    assert written == config


def test_a_gpus_configs_are_a_base_too(copy: Path) -> None:
    _, start = read_space(copy, "tensorrt", 4)
    write_overlays(copy, "tensorrt", start, "tuned", "Test.", copy)
    assert read_config(copy / "detector" / "configs" / "tuned.pbtxt").backend == "tensorrt"
    assert read_config(copy / "regions" / "configs" / "tuned.pbtxt").backend == "python", "falls back to config.pbtxt"


def test_an_overlay_remembers_what_it_was_made_from(copy: Path) -> None:
    with pytest.raises(Unavailable, match="`whatsit tune` writes it"):
        check_named(copy, "tuned")
    _, start = read_space(copy, None, 4)
    write_overlays(copy, None, start, "tuned", "Test.", copy)
    check_named(copy, "tuned")
    assert stale_models(copy) == []
    path = copy / "decode" / "config.pbtxt"
    path.write_text("# a remark changes nothing\n" + path.read_text())
    assert stale_models(copy) == []
    path.write_text(path.read_text() + 'parameters { key: "new" value: { string_value: "1" } }\n')
    assert stale_models(copy) == ["decode"]


def test_what_is_no_configuration_is_named(copy: Path) -> None:
    (copy / "decode" / "config.pbtxt").write_text("name: [")
    with pytest.raises(Damaged, match="decode/config.pbtxt is no Triton model configuration"):
        read_space(copy, None, 4)


def test_a_configuration_survives_json(copy: Path) -> None:
    space, start = read_space(copy, None, 4, min_regions=4)
    assert Configuration.from_record(start.to_record()) == start
    assert all(start[knob] in choices for knob, choices in space.choices.items())
    assert {str(knob) for knob in space.choices} >= {"regions.cap", "detector.threads", "decode.instances"}
    assert not space.has("decode", "delay_us"), "it takes one picture at a time: there is nothing to wait for"
    assert space.worst_start(start).number(Knob("detector", "threads")) == 4
