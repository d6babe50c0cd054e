"""Triton adapter of the step `decode`; implemented in `whatsit.serving.steps.decode`."""

from whatsit.serving.steps.decode import Decode
from whatsit.serving.triton_step import Step


class TritonPythonModel(Step):
    build = Decode
