"""What would happen: prices, plans and seasons on the same futures."""
