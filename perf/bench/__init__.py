"""Ledger of speed: rounds in turn, intervals, and a history of commits."""
