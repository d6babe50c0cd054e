"""How calls travel: addresses, gRPC, HTTP and what can go wrong on the way."""
