"""Rendered products, photographs and scenes with ground truth, for demo, tests and training."""
