"""What goes when it is old, and what never does: that on which a decision or a price rests."""
