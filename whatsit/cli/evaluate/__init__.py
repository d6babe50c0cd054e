"""`whatsit evaluate …`."""
