"""The pages, one module each; every module here is a page and has its `PAGE`."""
