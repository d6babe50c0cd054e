"""Self-supervised training: networks from pictures without labels."""
