"""What the camera of the page costs in a browser."""
