"""What a cart pays: quotes, their signature, returns, group buys."""
