"""One real Triton under trial: it serves the values, answers, is measured, and is gone afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tritonclient.grpc as triton
from whatsit_client.errors import Unavailable

from whatsit.tuning.search_space import PIPELINE, Knob, read_space
from whatsit.tuning.trial_servers import TrialServers

pytestmark = pytest.mark.triton


def test_a_trial(models: Path, catalogue: Path, shop: Path) -> None:
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    pictures = [path.read_bytes() for path in sorted((shop / "scenes").glob("*.jpg"))[:2]]
    space, shipped = read_space(models, None, 4)
    configuration = space.worst_start(shipped).with_({Knob("embedder", "delay_us"): 500})
    with TrialServers(models.parent, None, catalogue, pictures) as pool:
        running = pool.open(configuration)
        server = running._server
        with triton.InferenceServerClient(server.grpc_url) as client:
            for model in PIPELINE:
                assert client.get_model_config(model).config.instance_group[0].count == 1
            detector, embedder = (client.get_model_config(model).config for model in ("detector", "embedder"))
        assert detector.parameters["intra_op_thread_count"].string_value == "4"
        assert embedder.dynamic_batching.max_queue_delay_microseconds == 500
        block = running.block(2)
        assert not block.failures
        assert len(block.latencies_ms) == pool.calls
        assert pool.calls % len(pictures) == 0, "every picture as often as the others"
        work = sum(block.latencies_ms) / len(block.latencies_ms)
        assert 0 < block.cpu_ms < 16 * work, "of this server, in milliseconds"
        costs = running.costs()
        assert set(costs) >= set(PIPELINE)
        assert all(costs[model].compute_ms > 0 for model in PIPELINE)
        group, folder = server.pid, pool._folder
        assert group is not None
        assert folder is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
    assert not folder.exists()
    with pytest.raises(Unavailable, match="ended during a trial"):
        running.block(1)
