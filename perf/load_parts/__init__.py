"""What the load tests share: a server on a copy of a catalogue, its memory, its saturation."""
