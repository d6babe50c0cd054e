"""Demonstration: a shop, its index, a real Triton, pictures with known truth."""
