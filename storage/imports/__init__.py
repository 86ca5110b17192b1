"""Bringing files in: sales, costs, stock, products and markets, from CSV or Parquet."""
