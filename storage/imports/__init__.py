"""Bringing files in: markets, products, sales, stock and costs, from CSV or Parquet."""

from storage.imports.kinds import COLUMNS, Kind
from storage.imports.rows import NewMarkets
from storage.imports.run import ImportReport, import_file

__all__ = ["COLUMNS", "ImportReport", "Kind", "NewMarkets", "import_file"]
