"""Measurements of the loop."""
