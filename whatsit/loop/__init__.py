"""Jobs around a served catalogue: roll-out of a new embedder."""
