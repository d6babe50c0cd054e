"""Attacks on the gateway, callers that hang up, and what the gateway costs."""
