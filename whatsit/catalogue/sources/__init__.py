"""Sources: folders of pictures, CSV, JSON Lines, Parquet and tar shards."""

from whatsit.catalogue.sources.open_source import open_source
from whatsit.catalogue.sources.source_row import Row, Skipped, Source

__all__ = ["Row", "Skipped", "Source", "open_source"]
