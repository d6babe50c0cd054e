"""Triton adapter of the step `regions`; what it does stands in `whatsit.serving.regions`."""

from whatsit.serving.regions import FindRegions
from whatsit.serving.step import Step


class TritonPythonModel(Step):
    build = FindRegions
