"""The networks as torch modules; the server never imports this package."""
