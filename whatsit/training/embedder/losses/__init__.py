"""Losses of the embedder, named as their papers name them."""
