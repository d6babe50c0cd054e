"""The training loop that every network shares, and what belongs to a run."""
