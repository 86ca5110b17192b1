"""The pages that people use in a browser, made on the server."""
