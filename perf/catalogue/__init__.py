"""Speed and safety of ingestion, live changes, filters and cleaning."""
