"""Call the models of `identify` from Python inside Triton (BLS)."""

from __future__ import annotations

import asyncio

import triton_python_backend_utils as pb

REGIONS = (
    "CROPS", "GATED", "AREAS", "SCORES", "LOCAL", "BOXES", "BOX_SCORES", "BOX_LABELS", "INTENT", "INTENT_SCORES",
    "SOURCE_SCORES", "TOPIC_SCORES", "TAG_SCORES",
)  # fmt: skip
RETRIEVAL = ("ITEM_IDS", "ITEM_SCORES", "ITEM_RECORDS", "ANSWER")


class TritonPythonModel:
    """The ensemble's steps as calls."""

    async def execute(self, requests):
        """Answer each request."""
        return [await self.identify(request) for request in requests]

    async def identify(self, request):
        """One picture's way through the models."""
        try:
            image = pb.get_input_tensor_by_name(request, "IMAGE")
            view = await call("decode", [image], ("PIXELS", "GEOMETRY", "DETECTOR_IMAGE", "CLASSIFIER_IMAGE"))
            found, heads = await asyncio.gather(
                call("detector", [renamed(view["DETECTOR_IMAGE"], "images")], ("boxes", "scores", "labels")),
                call("classifier", [renamed(view["CLASSIFIER_IMAGE"], "images")], ("intent", "source", "topic", "tag")),
            )
            known = [view["PIXELS"], view["GEOMETRY"], view["CLASSIFIER_IMAGE"]]
            known += [renamed(tensor, f"DETECTOR_{name.upper()}") for name, tensor in found.items()]
            known += [renamed(tensor, f"{name.upper()}_IN") for name, tensor in heads.items()]
            regions = await call("regions", known, REGIONS)
            embedded = await call("embedder", [renamed(regions["CROPS"], "images")], ("embedding",))
            asked = [regions[name] for name in ("AREAS", "SCORES", "LOCAL", "GATED")]
            vectors = renamed(embedded["embedding"], "EMBEDDINGS")
            answers = await call("retrieval", [vectors, *asked], RETRIEVAL)
        except pb.TritonModelException as error:
            return pb.InferenceResponse([], pb.TritonError(str(error), pb.TritonError.INVALID_ARG))
        facts = [regions[name] for name in REGIONS[5:]]
        return pb.InferenceResponse([*facts, *answers.values()])


async def call(model, inputs, outputs):
    """One request to another model of this server; its outputs by name."""
    response = await pb.InferenceRequest(
        model_name=model, inputs=inputs, requested_output_names=list(outputs)
    ).async_exec()
    if response.has_error():
        raise pb.TritonModelException(response.error().message())
    return {name: pb.get_output_tensor_by_name(response, name) for name in outputs}


def renamed(tensor, name):
    """The same tensor as another model calls it."""
    return pb.Tensor(name, tensor.as_numpy())
