"""Plans, leases and the outbox: work that outlives a process."""
