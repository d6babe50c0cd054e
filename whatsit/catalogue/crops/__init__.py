"""Labels from what people crop."""
