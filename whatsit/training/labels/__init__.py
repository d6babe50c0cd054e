"""Boxes and names for pictures that nobody has labelled."""
