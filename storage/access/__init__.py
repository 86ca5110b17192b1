"""Keys and secrets that the service keeps."""
