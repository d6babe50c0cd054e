"""Review: queues of tasks that people decide, with leases and undo."""
