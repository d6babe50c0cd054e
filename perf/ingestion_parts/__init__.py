"""The measurements behind `perf/ingestion.py`, one file each."""
