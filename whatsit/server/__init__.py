"""Start, watch and stop Triton."""
