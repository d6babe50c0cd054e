"""Triton adapter of the step `describe`; what it does stands in `whatsit.serving.describe`."""

from whatsit.serving.describe import Describe
from whatsit.serving.step import Step


class TritonPythonModel(Step):
    build = Describe
