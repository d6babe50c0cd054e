"""Who waits too long in the server's queue is refused with the status that asks to come again, and at no cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from whatsit_client import Client

from tests.triton_calls import check_who_waits_too_long
from whatsit.server.launcher import Server

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
FIRST, ENGINES = "decode", ("detector", "classifier", "embedder")


@pytest.mark.triton
def test_whoever_waited_too_long_gets_503(server: Server, product: Path) -> None:
    check_who_waits_too_long(server, product.read_bytes())


@pytest.mark.triton
def test_whoever_waited_too_long_gets_unavailable(server: Server, product: Path) -> None:
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException

    image = np.frombuffer(product.read_bytes(), np.uint8)
    tensor = triton.InferInput("IMAGE", list(image.shape), "UINT8")
    tensor.set_data_from_numpy(image)
    with triton.InferenceServerClient(server.grpc_url) as client:
        for model in ("identify", "embed", "detect"):
            with pytest.raises(InferenceServerException, match="Request timeout expired") as refusal:
                client.infer(model, [tensor], timeout=1)
            assert refusal.value.status() == "StatusCode.UNAVAILABLE"
    with Client(server.grpc_url) as ours:
        assert ours.identify(product, gate=False).regions


@pytest.mark.parametrize("config", ["config.pbtxt", "configs/tensorrt.pbtxt"])
def test_every_wait_has_an_end(config: str) -> None:
    """Seconds in the queues that fill up; nothing was computed for who waits in the first."""
    waits = {}
    for model in (FIRST, *ENGINES):
        text = (REPOSITORY / model / config).read_text(encoding="utf-8")
        policy = text_format.Parse(text, model_config_pb2.ModelConfig()).dynamic_batching.default_queue_policy
        assert policy.timeout_action == policy.REJECT
        waits[model] = policy.default_timeout_microseconds / 1e6
    assert 0 < waits[FIRST] <= min(waits[model] for model in ENGINES)
    assert max(waits.values()) <= 5
