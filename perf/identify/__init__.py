"""Speed of `identify`, stage by stage, beside its alternatives."""
