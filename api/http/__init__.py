"""What every answer over HTTP shares: limits, problems, documents, log."""
