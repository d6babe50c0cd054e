"""Items: the store, reading merchants' files, filters, publishing an index."""

from whatsit.catalogue.filter import Filter
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store import Store

__all__ = ["Filter", "Layout", "Store"]
