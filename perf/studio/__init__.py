"""The studio, measured and photographed in a real browser."""
