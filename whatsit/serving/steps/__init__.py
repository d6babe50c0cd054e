"""The models that Triton's Python backend runs, one file each."""
