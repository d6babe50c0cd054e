"""Whatsit: visual search on your own catalogue, served by NVIDIA Triton."""

from whatsit_client.version import __version__

__all__ = ["__version__"]
