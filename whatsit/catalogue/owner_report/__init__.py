"""Report for a catalogue's owner: what was looked for in vain, and what to mend."""
