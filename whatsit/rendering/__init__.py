"""Procedurally drawn products, photographs and scenes with exact truth; it feeds the demo, tests, load and training."""
