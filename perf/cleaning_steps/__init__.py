"""What cleaning is measured by, one measurement per file; `perf/cleaning.py` runs them."""
