"""Ingestion: rows of merchants' files become items with pictures and vectors.

`plan` (rows, and what the store holds of them) > `fetch` (bytes and digests) > `picture_analyzer` (decode, hash, embed,
detect, categorise) > `writer`. `prepare` joins the steps between the two ends;
`thread_executor` and `ray_executor` run it.
"""

from whatsit.catalogue.ingest.fetch import Fetch
from whatsit.catalogue.ingest.ingest_report import Report
from whatsit.catalogue.ingest.ingest_run import ingest
from whatsit.catalogue.ingest.picture_analysis import PictureAnalysis, PictureAnalysisSteps
from whatsit.catalogue.ingest.writer import BATCH_ITEMS

__all__ = ["BATCH_ITEMS", "Fetch", "PictureAnalysis", "PictureAnalysisSteps", "Report", "ingest"]
