"""Sources: folders of pictures, tables of many kinds, zip files and tar shards."""

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.open_source import open_source
from whatsit.catalogue.sources.source_row import Row, Skipped, Source

__all__ = ["Row", "Skipped", "Source", "SourceOptions", "open_source"]
