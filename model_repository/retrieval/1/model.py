"""Triton adapter of the step `retrieval`; what it does stands in `whatsit.serving.retrieval`."""

from whatsit.serving.retrieval import Retrieve
from whatsit.serving.step import Step


class TritonPythonModel(Step):
    build = Retrieve
