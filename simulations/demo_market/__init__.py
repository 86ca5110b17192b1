"""The market of the demo: a shop whose demand law is known."""
