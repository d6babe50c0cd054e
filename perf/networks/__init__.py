"""Parity, speed and ablations of the networks."""
