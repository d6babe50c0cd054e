"""Cleaning: near duplicates, pictures of another item, items that are one; every decision is kept and can be undone."""
