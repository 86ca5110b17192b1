"""Pages as a browser shows them, through a door of our own."""
