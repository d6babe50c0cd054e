"""The gateway: REST, Triton's protocol, keys and limits at one address."""
