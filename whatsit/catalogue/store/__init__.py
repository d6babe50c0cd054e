"""The embedded store: items, pictures and vectors in one SQLite file."""
