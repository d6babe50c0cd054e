"""Changes of a catalogue while it serves: a stream of them, probes of what is found, queries beside them, kills."""
