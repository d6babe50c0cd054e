"""Cleaning: near duplicates, wrong pictures, duplicate items; all can be undone."""
