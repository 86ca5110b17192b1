"""What happened, stored in the transaction that made it so, and what of it is told to whom."""
