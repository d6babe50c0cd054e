"""Triton adapter of the step `regions`; implemented in `whatsit.serving.steps.regions`."""

from whatsit.serving.steps.regions import FindRegions
from whatsit.serving.triton_step import Step


class TritonPythonModel(Step):
    build = FindRegions
