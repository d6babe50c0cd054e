"""Triton adapter of the model `catalogue`; what it does stands in `whatsit.serving.catalogue`."""

from whatsit.serving.catalogue import ChangeCatalogue
from whatsit.serving.step import Step


class TritonPythonModel(Step):
    build = ChangeCatalogue
