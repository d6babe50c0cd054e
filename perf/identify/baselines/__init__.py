"""Alternatives that `identify` is compared with."""
