"""Training: one shared loop, one task per network."""
