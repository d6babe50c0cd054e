"""Export of a catalogue's items into files that other tools and `add` read."""
