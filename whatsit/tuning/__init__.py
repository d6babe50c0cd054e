"""Search for the fastest configuration of the pipeline (`whatsit tune`)."""
