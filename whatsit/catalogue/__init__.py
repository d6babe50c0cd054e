"""Items: the store, reading merchants' files, filters, publishing an index."""

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store

__all__ = ["Filter", "Layout", "Store"]
