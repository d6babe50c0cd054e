"""Requests of Triton's gRPC protocol, read without a server."""

from __future__ import annotations

from tritonclient.grpc import service_pb2 as pb

from whatsit.gateway.triton_grpc import read_request


def test_parameters_of_streams_are_left_out() -> None:
    request = pb.ModelInferRequest(model_name="identify")
    request.inputs.add(name="IMAGE", datatype="UINT8", shape=[3])
    request.raw_input_contents.append(b"abc")
    request.parameters["triton_enable_empty_final_response"].bool_param = False  # perf_analyzer sends it
    request.parameters["top_k"].int64_param = 3
    assert read_request(request).parameters == {"top_k": 3}
