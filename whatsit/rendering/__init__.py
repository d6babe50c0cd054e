"""Rendered products, photographs and scenes with ground truth."""
