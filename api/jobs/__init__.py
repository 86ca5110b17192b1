"""Everything slow: functions that the command line, the HTTP API and the console start alike.

A job takes an engine, its own arguments, the time, and a `Progress` that it tells how far it is. It
opens its own transactions, so that a failure leaves nothing half-written.
"""
