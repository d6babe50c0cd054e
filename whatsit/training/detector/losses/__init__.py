"""Losses of the detector, named as their papers name them."""
