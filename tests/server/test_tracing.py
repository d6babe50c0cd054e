"""Traces of a real Triton reach a collector, every step in its caller's span; what cannot be traced is refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.server.launcher import Server
from whatsit.server.tracing import SERVICE, Tracing

STEPS = ("decode", "detector", "classifier", "regions", "embedder", "retrieval")
TRACED = 1_000_000  # as the session's server is started: one request of so many, so none but this test's


@pytest.mark.triton
def test_every_step_arrives_under_the_callers_span(server: Server, collector: Any, product: Path) -> None:
    import tritonclient.http as triton

    trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    image = np.fromfile(product, np.uint8)
    tensor = triton.InferInput("IMAGE", list(image.shape), "UINT8")
    tensor.set_data_from_numpy(image)
    with triton.InferenceServerClient(server.http_url) as client:
        client.update_trace_settings(settings={"trace_rate": "1"})
        try:
            client.infer("identify", [tensor], headers={"traceparent": f"00-{trace}-{caller}-01"})
        finally:
            client.update_trace_settings(settings={"trace_rate": str(TRACED)})
    end = time.monotonic() + 120
    while "InferRequest" not in {span["name"] for span in collector.spans} and time.monotonic() < end:
        time.sleep(0.1)  # it ends last
    spans = [span for span in collector.spans if span["traceId"] == trace]
    named = {span["name"]: span for span in spans if span["name"] != "compute"}
    assert set(named) == {"InferRequest", "identify", *STEPS}
    assert named["InferRequest"]["parentSpanId"] == caller
    assert named["identify"]["parentSpanId"] == named["InferRequest"]["spanId"]
    for step in STEPS:
        assert named[step]["parentSpanId"] == named["identify"]["spanId"], step
        took = int(named[step]["endTimeUnixNano"]) - int(named[step]["startTimeUnixNano"])
        assert 0 < took < int(named["identify"]["endTimeUnixNano"]) - int(named["identify"]["startTimeUnixNano"])
    computed = {span["parentSpanId"] for span in spans if span["name"] == "compute"}
    assert {named[step]["spanId"] for step in STEPS} <= computed
    assert collector.services == {SERVICE}


def test_what_tritonserver_is_told(tmp_path: Path) -> None:
    arguments = Tracing("https://collector:4318/v1/traces", 100).arguments()
    assert "--trace-config=mode=opentelemetry" in arguments
    assert "--trace-config=opentelemetry,url=https://collector:4318/v1/traces" in arguments
    assert "--trace-config=rate=100" in arguments
    arguments = Tracing(str(tmp_path / "traces.json"), 1).arguments()
    assert "--trace-config=mode=triton" in arguments
    assert f"--trace-config=triton,file={tmp_path / 'traces.json'}" in arguments


@pytest.mark.parametrize(
    ("to", "rate"), [("ftp://x/y", 1), ("http://", 1), ("/no/such/folder/t.json", 1), ("t.json", 0)]
)
def test_what_cannot_be_traced(to: str, rate: int) -> None:
    with pytest.raises(InvalidInput):
        Tracing(to, rate)
