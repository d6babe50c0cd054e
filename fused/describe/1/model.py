"""Triton adapter of the step `describe`; implemented in `whatsit.serving.steps.describe`."""

from whatsit.serving.steps.describe import ExtractFeatures
from whatsit.serving.triton_step import Step


class TritonPythonModel(Step):
    build = ExtractFeatures
