"""Ingestion: rows of merchants' files become items with pictures and vectors.

`plan` (read the rows, and what the store holds of them) > `fetch` (bytes) > `digests` (exact duplicates) > `look`
(decode, hash, embed, detect, categorise: what the networks' room supplies) > `near` (near duplicates) > `write`.
`prepare` strings together what lies between the two ends; `threads` and `on_ray` run it.
"""

from whatsit.catalogue.ingest.fetch import Fetch
from whatsit.catalogue.ingest.ingest_report import Report
from whatsit.catalogue.ingest.ingest_run import ingest
from whatsit.catalogue.ingest.picture_analysis import CHOICES, DEFAULT_STEPS, PictureAnalysis, PictureAnalysisSteps
from whatsit.catalogue.ingest.writer import BATCH_ITEMS

__all__ = [
    "BATCH_ITEMS",
    "CHOICES",
    "DEFAULT_STEPS",
    "Fetch",
    "PictureAnalysis",
    "PictureAnalysisSteps",
    "Report",
    "ingest",
]
