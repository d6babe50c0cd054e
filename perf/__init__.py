"""Measurements, run as modules from the checkout: `python -m perf.FOLDER.NAME`."""
