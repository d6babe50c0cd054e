"""Training loop, checkpoints and recipes, shared by all networks."""
