"""Quality of the cleaning steps, measured on photos and drawn products."""
