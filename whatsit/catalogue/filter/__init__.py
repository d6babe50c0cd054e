"""The `where` filter: parsed and checked once, then matched or compiled."""
