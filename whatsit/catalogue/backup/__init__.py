"""Back-up, restoring and verification of catalogues in their own folder."""
