"""What `locustfile.py` is made of: users over HTTP and gRPC, shapes of load, and what is required of the answers."""
