"""`whatsit label …`."""
