"""What a GPU must prove, one step per file; `perf/gpu_check.py` runs them."""
