"""Speed and accuracy, measured against a named peer or limit in the same run.

Each module here has a function `figures()` that yields `Figure`s; `make bench` runs them all, or
those named, as in `make bench ARGS="decide imports"`.
"""
