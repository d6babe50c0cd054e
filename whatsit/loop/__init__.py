"""The loop: what people do becomes a better network, which goes live without an outage."""
