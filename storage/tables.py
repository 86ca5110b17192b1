"""Every table, as SQLAlchemy Core sees it. Money is in minor units of the row's market.

History is appended, never overwritten: crawls, offers, fits, decisions and price books keep every
version. Sales, costs and stock are facts by date, corrected by importing them again.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, Double, ForeignKey, Text

from storage.columns import Document, Key, Minor, UtcDateTime

metadata: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# A table whose rows are found by their own key needs no row number beside it.
_BY_KEY: Final[dict[str, Any]] = {"sqlite_with_rowid": False}


def _product() -> Column[int]:
    return Column("product_id", Key, ForeignKey("products.product_id"), primary_key=True)


def _market() -> Column[int]:
    return Column("market_id", Key, ForeignKey("markets.market_id"), primary_key=True)


def _share(name: str) -> tuple[Column[float], CheckConstraint]:
    column: Column[float] = Column(name, Double, nullable=False, server_default="0")
    return column, CheckConstraint(f"{name} BETWEEN 0 AND 1", name=f"{name}_share")


markets: Final = sa.Table(
    "markets",
    metadata,
    Column("market_id", Key, primary_key=True, autoincrement=False),  # see add_markets
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("tax_rate", Double, nullable=False),
)

products: Final = sa.Table(
    "products",
    metadata,
    Column("product_id", Key, primary_key=True),
    Column("sku", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("brand", Text),
    Column("gtin", Text, index=True),
    Column("mpn", Text),
    Column("pack_size", Double),
    Column("pack_unit", Text),
    # A key value item: one of the products by which customers judge the shop.
    Column("kvi", Boolean, nullable=False, server_default=sa.false()),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

sales: Final = sa.Table(
    "sales",
    metadata,
    _product(),
    _market(),
    Column("period_start", Date, primary_key=True),
    Column("units", Double, nullable=False),
    Column("revenue_minor", Minor, nullable=False),
    Column("regular_price_minor", Minor),
    *_share("deal"),
    *_share("feature"),
    *_share("display"),
    Column("stock_out", Boolean, nullable=False, server_default=sa.false()),
    CheckConstraint("units >= 0 AND revenue_minor >= 0", name="not_negative"),
    CheckConstraint("regular_price_minor > 0", name="regular_price_positive"),
    **_BY_KEY,
)

costs: Final = sa.Table(
    "costs",
    metadata,
    _product(),
    _market(),
    Column("valid_from", Date, primary_key=True),
    Column("cost_minor", Minor, nullable=False),
    # Where the cost was stated in another currency than the market's: which. NULL otherwise.
    Column("currency", Text),
    Column("as_of", Date),  # when somebody last knew that it is right; NULL where nobody said
    CheckConstraint("cost_minor > 0", name="positive"),
    **_BY_KEY,
)

# Costs that prices may move by: the first that a run used, and those that a person confirmed. A
# cost far from the newest of them holds its price. Only ever appended to.
trusted_costs: Final = sa.Table(
    "trusted_costs",
    metadata,
    _product(),
    _market(),
    Column("since", UtcDateTime, primary_key=True),
    Column("cost_minor", Minor, nullable=False),
    Column("confirmed_by", Text, nullable=False, server_default=""),  # '': by its first use
    CheckConstraint("cost_minor > 0", name="positive"),
    **_BY_KEY,
)

# What the owner, the maker or a contract allows. The newest row up to a day holds whole: what is
# NULL in it is not limited.
price_limits: Final = sa.Table(
    "price_limits",
    metadata,
    _product(),
    _market(),
    Column("valid_from", Date, primary_key=True),
    Column("minimum_minor", Minor),
    Column("maximum_minor", Minor),
    Column("rrp_minor", Minor),
    Column("map_minor", Minor),
    CheckConstraint(
        "minimum_minor > 0 AND maximum_minor > 0 AND rrp_minor > 0 AND map_minor > 0",
        name="positive",
    ),
    **_BY_KEY,
)

stock: Final = sa.Table(
    "stock",
    metadata,
    _product(),
    _market(),
    Column("counted_at", Date, primary_key=True),
    Column("units", Double, nullable=False),
    Column("expires_at", Date),  # last day on which these goods may be sold
    CheckConstraint("units >= 0", name="not_negative"),
    **_BY_KEY,
)

sites: Final = sa.Table(
    "sites",
    metadata,
    Column("site_id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("start_url", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("market_id", Key, ForeignKey("markets.market_id"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("definition", Document),  # the whole site, as `sites.yaml` would say it
)

CRAWL_STATUSES: Final = ("running", "finished", "failed")

crawls: Final = sa.Table(
    "crawls",
    metadata,
    Column("crawl_id", Key, primary_key=True),
    Column("site_id", Key, ForeignKey("sites.site_id"), nullable=False, index=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("status", Text, nullable=False),
    Column("pages", BigInteger, nullable=False, server_default="0"),
    Column("offers", BigInteger, nullable=False, server_default="0"),
    Column("failures", BigInteger, nullable=False, server_default="0"),
    Column("report", Document, nullable=False),
    CheckConstraint(f"status IN {CRAWL_STATUSES}", name="status"),
)

offers: Final = sa.Table(
    "offers",
    metadata,
    Column("offer_id", Key, primary_key=True),
    Column("crawl_id", Key, ForeignKey("crawls.crawl_id"), nullable=False),
    Column("site_id", Key, ForeignKey("sites.site_id"), nullable=False),
    Column("market_id", Key, ForeignKey("markets.market_id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
    Column("price_minor", Minor, nullable=False),
    Column("list_price_minor", Minor),
    Column("currency", Text, nullable=False),
    Column("availability", Text, nullable=False),
    Column("gtin", Text),
    Column("mpn", Text),
    Column("site_sku", Text),
    Column("brand", Text),
    Column("title", Text, nullable=False),
    Column("product_id", Key, ForeignKey("products.product_id")),
    Column("match_method", Text),
    Column("match_score", Double),
    Column("source", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("details", Document),  # condition, shipping, unit price, seller, ...: what is known
    CheckConstraint("price_minor > 0", name="price_positive"),
    sa.UniqueConstraint("crawl_id", "url"),
    sa.Index(None, "site_id", "url", "offer_id"),
    sa.Index(None, "product_id", "market_id", "observed_at"),
)

fits: Final = sa.Table(
    "fits",
    metadata,
    Column("fit_id", Key, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("window_start", Date, nullable=False),
    Column("window_end", Date, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("period_days", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("software", Document, nullable=False),
    Column("report", Document, nullable=False),
)

fit_curves: Final = sa.Table(
    "fit_curves",
    metadata,
    Column("fit_id", Key, ForeignKey("fits.fit_id"), primary_key=True),
    _product(),
    _market(),
    # NULL in the columns of the curve: the series got none.
    Column("reference_price", Double),
    Column("log_base", Double),
    Column("elasticity", Double),
    Column("var_log_base", Double),
    Column("cov_log_base_elasticity", Double),
    Column("var_elasticity", Double),
    Column("residual_variance", Double),
    Column("own_elasticity", Double),
    Column("own_std_error", Double),
    # 0 log-log, 1 semi-log.
    Column("exponent", Double, nullable=False, server_default="0"),
    Column("n_obs", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("status", Text, nullable=False),
    **_BY_KEY,
)

# What the price of one product does to the units of another; zero where a pair has no row.
fit_cross_effects: Final = sa.Table(
    "fit_cross_effects",
    metadata,
    Column("fit_id", Key, ForeignKey("fits.fit_id"), primary_key=True),
    _product(),
    Column("other_id", Key, ForeignKey("products.product_id"), primary_key=True),
    Column("elasticity", Double, nullable=False),
    Column("std_error", Double, nullable=False),
    **_BY_KEY,
)

decision_runs: Final = sa.Table(
    "decision_runs",
    metadata,
    Column("run_id", Key, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("fit_id", Key, ForeignKey("fits.fit_id")),
    Column("policy", Document, nullable=False),
    Column("report", Document, nullable=False),
    Column("solve_status", Text, nullable=False),
    Column("solve_method", Text, nullable=False),
    Column("solve_objective", Double, nullable=False),
    Column("solve_bound", Double, nullable=False),
    Column("solve_gap", Double, nullable=False),
    Column("solve_seconds", Double, nullable=False),
)

decisions: Final = sa.Table(
    "decisions",
    metadata,
    Column("run_id", Key, ForeignKey("decision_runs.run_id"), primary_key=True),
    _product(),
    _market(),
    Column("tier", Text, primary_key=True),
    # What the run knew of the row; NULL where it knew nothing.
    Column("previous_minor", Minor),
    Column("cost_minor", Minor),
    Column("stock", Double),
    Column("competitor_minor", Minor),
    Column("competitor_offers", BigInteger, nullable=False),
    # What it decided, and between which limits. Reasons follow from these columns.
    Column("price_minor", Minor),
    Column("action", BigInteger, nullable=False),
    Column("held_by", BigInteger, nullable=False),
    Column("broken_before", BigInteger, nullable=False),
    Column("lower_minor", Minor, nullable=False),
    Column("upper_minor", Minor, nullable=False),
    Column("lower_limit", BigInteger, nullable=False),
    Column("upper_limit", BigInteger, nullable=False),
    Column("at_lower", Boolean, nullable=False),
    Column("at_upper", Boolean, nullable=False),
    Column("units", Double),
    Column("units_low", Double),
    Column("units_high", Double),
    Column("revenue", Double),
    Column("profit", Double),
    Column("revenue_before", Double),
    Column("profit_before", Double),
    Column("elasticity", Double),
    Column("elasticity_std_error", Double),
    # Which strategies spoke, the last being that which claimed the row; '' where none did.
    Column("path", Text, nullable=False, server_default=""),
    # What the law left of the price; NULL and '' where it set no bound.
    Column("law_lower_minor", Minor),
    Column("law_upper_minor", Minor),
    Column("law_article", Text, nullable=False, server_default=""),
    # The cost that was trusted, where the run held a price for another one; else NULL.
    Column("trusted_cost_minor", Minor),
    sa.Index(None, "product_id", "market_id"),
    **_BY_KEY,
)

PRICE_BOOK_STATUSES: Final = ("live", "superseded")

price_books: Final = sa.Table(
    "price_books",
    metadata,
    Column("version", Key, primary_key=True, autoincrement=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("run_id", Key, ForeignKey("decision_runs.run_id")),
    Column("status", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    CheckConstraint(f"status IN {PRICE_BOOK_STATUSES}", name="status"),
    sa.Index(
        "uq_price_books_live",
        "status",
        unique=True,
        sqlite_where=sa.text("status = 'live'"),
        postgresql_where=sa.text("status = 'live'"),
    ),
)

# Only what changed: the state of a version is, for each key, the entry of the greatest version up
# to it. NULL takes the price off.
price_book_entries: Final = sa.Table(
    "price_book_entries",
    metadata,
    _product(),
    _market(),
    Column("tier", Text, primary_key=True),
    Column("version", Key, ForeignKey("price_books.version"), primary_key=True),
    Column("price_minor", Minor),
    Column("run_id", Key, ForeignKey("decision_runs.run_id")),
    CheckConstraint("price_minor > 0", name="price_positive"),
    sa.Index(None, "version"),
    **_BY_KEY,
)

imports: Final = sa.Table(
    "imports",
    metadata,
    Column("import_id", Key, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("inserted", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
)
