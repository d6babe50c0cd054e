"""The slim Python client of Whatsit: tritonclient, numpy and Pillow are all it needs."""
