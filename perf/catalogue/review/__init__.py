"""The studio's review queues, measured by simulated reviewers."""
