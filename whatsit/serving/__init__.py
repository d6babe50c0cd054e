"""What runs inside Triton, what starts it, and the same path in one process."""
