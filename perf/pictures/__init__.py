"""Measurements of picture files: agreement with Pillow, and mutated files."""
