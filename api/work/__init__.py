"""How a job runs: queue, processes, progress."""
