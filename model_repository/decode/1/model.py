"""Triton adapter of the step `decode`; what it does stands in `whatsit.serving.decode`."""

from whatsit.serving.decode import Decode
from whatsit.serving.step import Step


class TritonPythonModel(Step):
    build = Decode
