"""Merchants' files: a folder of pictures, CSV, JSON Lines, Parquet and tar shards, one file per kind."""

from whatsit.catalogue.sources.kinds import open_source
from whatsit.catalogue.sources.row import Row, Skipped, Source

__all__ = ["Row", "Skipped", "Source", "open_source"]
