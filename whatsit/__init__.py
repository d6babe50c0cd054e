"""Whatsit: visual search on your own catalogue, served by NVIDIA Triton."""

__version__ = "0.1.0"
