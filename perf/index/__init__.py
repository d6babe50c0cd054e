"""Recall and speed of the index kinds, and their share of a call."""
