"""Triton adapter of the step `retrieval`; implemented in `whatsit.serving.steps.retrieval`."""

from whatsit.serving.steps.retrieval import Retrieve
from whatsit.serving.triton_step import Step


class TritonPythonModel(Step):
    build = Retrieve
