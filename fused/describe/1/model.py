"""Triton adapter of the step `describe`; what it does stands in `whatsit.serving.steps.describe`."""

from whatsit.serving.steps.describe import ExtractFeatures
from whatsit.serving.triton_step import Step


class TritonPythonModel(Step):
    build = ExtractFeatures
