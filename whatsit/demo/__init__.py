"""The demonstration: a shop, its index, a real Triton, and pictures with known truth."""
