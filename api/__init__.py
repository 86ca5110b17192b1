"""The outer shell: the service, its alerts, its jobs and the command line."""
