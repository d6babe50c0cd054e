"""The parts of `perf/ledger.py`: one load generator, the variants that it loads, and what is told of them."""
