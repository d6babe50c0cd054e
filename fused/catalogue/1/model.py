"""Triton adapter of the model `catalogue`; implemented in `whatsit.serving.steps.catalogue`."""

from whatsit.serving.steps.catalogue import ChangeCatalogue
from whatsit.serving.triton_step import Step


class TritonPythonModel(Step):
    build = ChangeCatalogue
