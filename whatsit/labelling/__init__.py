"""Boxes and names for unlabelled pictures, in files that other tools open."""
