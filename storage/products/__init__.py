"""Products, markets, costs, stock and sales: what a shop knows of what it sells."""
