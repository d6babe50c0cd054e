"""`whatsit train …`."""
