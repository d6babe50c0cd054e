"""Downloads of pictures, bounded, and from public addresses unless told otherwise."""

from whatsit.catalogue.web.download import Downloads

__all__ = ["Downloads"]
