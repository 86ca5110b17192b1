"""One spider for each kind of site."""
