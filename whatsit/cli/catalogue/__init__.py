"""`whatsit catalogue …`."""
