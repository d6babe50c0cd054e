"""Machines and costs for a load, computed from measured figures."""
