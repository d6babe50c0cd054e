"""Metrics of a running server: definitions, instruments, publishing and reading."""
