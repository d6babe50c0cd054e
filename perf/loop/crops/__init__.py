"""Labels from what people crop, measured with simulated people."""
