"""Single equations on any frame: least squares, instruments, counts, their tests and errors."""
