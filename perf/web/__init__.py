"""The page, measured and photographed in a real browser."""
