"""Finding the fastest configuration of the whole pipeline on this machine, by measuring (`whatsit tune`)."""
