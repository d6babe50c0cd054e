"""Mixed load, spikes and soaks with Locust."""
