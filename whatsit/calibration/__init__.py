"""Thresholds and the ranker, fitted to a catalogue."""
