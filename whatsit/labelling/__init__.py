"""Boxes and names for pictures that nobody has labelled, kept in files that other tools open."""
