"""Checks of a machine, an installation and a catalogue before a server is started."""
