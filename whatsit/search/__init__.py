"""Search of an open catalogue in one process: look-up, records, ranker, answer."""
