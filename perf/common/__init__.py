"""Environment of a measurement, processes, and the server under test."""
