"""Data sets with known truth, one file each."""
