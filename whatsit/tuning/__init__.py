"""Search for the fastest configuration of the pipeline by measuring (`whatsit tune`)."""
