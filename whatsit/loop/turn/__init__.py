"""One turn of the loop: from what visitors did to a network that serves."""
