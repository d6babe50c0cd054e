"""Export, quantisation, parity, compilation and runners of the networks."""
