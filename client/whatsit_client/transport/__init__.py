"""Transports of calls: addresses, gRPC, HTTP and their errors."""
