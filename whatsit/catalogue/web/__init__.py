"""Bounded downloads of pictures, from public addresses by default."""

from whatsit.catalogue.web.download import Downloads

__all__ = ["Downloads"]
