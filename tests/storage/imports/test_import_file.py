"""What an import does with good files, on both engines."""

from __future__ import annotations

import gzip
import hashlib
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pricing.catalogue import Market, Product
from pricing.errors import UnknownCurrency
from storage.database import reading
from storage.errors import ImportRefused, LayoutRefused
from storage.imports import NewMarkets, import_file
from storage.products.markets import list_markets
from storage.products.products import all_products
from storage.products.sales import read_sales
from storage.tables import costs, imports, products, sales, stock
from tests.databases import url_of
from tests.shared_data import shared_data
from tests.storage.imports.conftest import WriteFile, counts
from tests.storage.samples import NOW, ONLINE, TOKYO

SALES = (
    "sku,market,date,units,revenue,regular_price,deal,feature,display,stock_out",
    "tea-1,online,2026-01-05,4,19.96,5.49,1,0.5,no,0",
    "tea-1,tokyo,2026-01-05,2,900,,,,,",
    "tea-2,online,2026-01-05,0,0,7.99,0,0,0,yes",
)


def test_sales_come_in_as_they_stand_in_the_file(shop: Engine, write_file: WriteFile) -> None:
    report = import_file(shop, "sales", write_file(*SALES), now=NOW)
    assert (report.rows, report.inserted, report.updated, report.unchanged) == (3, 3, 0, 0)
    with reading(shop) as conn:
        rows = conn.execute(sa.select(sales).order_by(sales.c.revenue_minor)).all()
    assert [tuple(row)[2:] for row in rows] == [
        (date(2026, 1, 5), 0.0, 0, 799, 0.0, 0.0, 0.0, True),
        (date(2026, 1, 5), 2.0, 900, None, 0.0, 0.0, 0.0, False),
        (date(2026, 1, 5), 4.0, 1996, 549, 1.0, 0.5, 0.0, False),
    ]


def test_the_same_file_twice_leaves_the_same_rows(shop: Engine, write_file: WriteFile) -> None:
    path = write_file(*SALES)
    import_file(shop, "sales", path, now=NOW)
    report = import_file(shop, "sales", path, now=NOW)
    assert (report.inserted, report.updated, report.unchanged) == (0, 0, 3)
    assert counts(shop)["sales"] == 3
    assert counts(shop)["imports"] == 2


def test_a_corrected_file_updates_only_what_differs(shop: Engine, write_file: WriteFile) -> None:
    import_file(shop, "sales", write_file(*SALES), now=NOW)
    corrected = write_file(
        "sku,market,date,units,revenue",
        "tea-1,online,2026-01-05,4,19.96",
        "tea-1,tokyo,2026-01-05,2,1000",
        "tea-1,tokyo,2026-01-12,1,500",
    )
    report = import_file(shop, "sales", corrected, now=NOW)
    assert (report.inserted, report.updated, report.unchanged) == (1, 1, 1)
    with reading(shop) as conn:
        frame = read_sales(conn, skus=["tea-1"])
    assert frame["price"].tolist() == [4.99, 500.0, 500.0]
    # The file said nothing of regular prices and promotions: they stay.
    assert frame["regular_price"].tolist()[0] == 5.49
    assert frame["feature"].tolist()[0] == 0.5


def test_a_dry_run_says_what_would_happen_and_writes_nothing(
    shop: Engine, write_file: WriteFile
) -> None:
    import_file(shop, "sales", write_file(*SALES[:2]), now=NOW)
    before = counts(shop)
    more = write_file(SALES[0], SALES[1].replace("19.96", "20.00"), *SALES[2:])
    report = import_file(shop, "sales", more, dry_run=True, now=NOW)
    assert (report.inserted, report.updated, report.unchanged, report.dry_run) == (2, 1, 0, True)
    assert counts(shop) == before


def test_price_and_units_make_revenue_where_none_is_given(
    shop: Engine, write_file: WriteFile
) -> None:
    path = write_file(
        "sku,market,date,units,price",
        "tea-1,online,2026-01-05,3,4.99",
        "tea-2,online,2026-01-05,0,7.99",
        "cup-1,online,2026-01-05,0,",
    )
    import_file(shop, "sales", path, now=NOW)
    with reading(shop) as conn:
        frame = read_sales(conn).set_index("sku")
    assert frame["price"]["tea-1"] == 4.99
    assert frame["price"]["tea-2"] == 7.99  # nothing sold, but the price is known
    assert np.isnan(frame["price"]["cup-1"])


def test_columns_are_mapped_scaled_and_dated_as_asked(shop: Engine, write_file: WriteFile) -> None:
    path = write_file(
        "Item;Where;Day;Ounces;Cents",
        "tea-1;online;05.01.2026;128;1299",
        name="theirs.txt",
    )
    report = import_file(
        shop,
        "sales",
        path,
        mapping={
            "sku": "Item",
            "market": "Where",
            "date": "Day:%d.%m.%Y",
            "units": "Ounces/64",
            "revenue": "Cents*0.01",
        },
        delimiter=";",
        now=NOW,
    )
    assert report.columns["period_start"] == "Day"
    with reading(shop) as conn:
        row = conn.execute(sa.select(sales)).one()
    assert (row.period_start, row.units, row.revenue_minor) == (date(2026, 1, 5), 2.0, 1299)


def test_unknown_markets_are_made_where_the_user_says_how(
    shop: Engine, write_file: WriteFile
) -> None:
    path = write_file(
        "sku,market,date,units,revenue",
        "tea-1,store-9,2026-01-05,1,3.50",
        "tea-1,online,2026-01-05,1,3.50",
        "tea-2,store-8,2026-01-05,1,3.50",
    )
    made = NewMarkets("EUR", "Europe/Paris")
    report = import_file(shop, "sales", path, new_markets=made, dry_run=True, now=NOW)
    assert report.new_markets == ("store-8", "store-9")
    assert counts(shop)["markets"] == 2
    import_file(shop, "sales", path, new_markets=made, now=NOW)
    with reading(shop) as conn:
        assert list_markets(conn) == (
            ONLINE,
            Market("store-8", "EUR", "Europe/Paris", "store"),
            Market("store-9", "EUR", "Europe/Paris", "store"),
            TOKYO,
        )
        frame = read_sales(conn)
    assert list(zip(frame["sku"], frame["market"], strict=True)) == [
        ("tea-1", "online"),
        ("tea-1", "store-9"),
        ("tea-2", "store-8"),
    ]
    again = import_file(shop, "sales", path, new_markets=made, now=NOW)
    assert (again.unchanged, again.new_markets) == (3, ())


def test_new_markets_need_a_real_currency(shop: Engine, write_file: WriteFile) -> None:
    with pytest.raises(UnknownCurrency, match="EURO"):
        import_file(shop, "sales", write_file(*SALES), new_markets=NewMarkets("EURO"), now=NOW)


def test_products_are_added_and_brought_up_to_date(shop: Engine, write_file: WriteFile) -> None:
    path = write_file(
        "SKU,Name,Category,Brand,EAN,MPN,Pack Size,pack_unit",
        'pot-1,"Pot, ""blue""",pots,Hill,4006381333931,P-1,1.5,l',
        "tea-1,Black tea,,,,,,",
    )
    report = import_file(shop, "products", path, now=NOW)
    assert (report.inserted, report.updated) == (1, 1)
    with reading(shop) as conn:
        found = {product.sku: product for product in all_products(conn)}
        changed = conn.execute(sa.select(products.c.sku, products.c.updated_at)).all()
    assert found["pot-1"] == Product(
        "pot-1", 'Pot, "blue"', "pots", "Hill", "4006381333931", "P-1", 1.5, "l"
    )
    assert found["tea-1"] == Product("tea-1", "Black tea", "uncategorised")
    assert found["tea-2"].title == "Green tea, 100 g"
    assert {row.updated_at for row in changed} == {NOW}


def test_only_a_product_that_changed_gets_a_new_time(shop: Engine, write_file: WriteFile) -> None:
    later = datetime(2026, 3, 3, tzinfo=UTC)
    path = write_file("sku,title", "tea-1,Black tea", 'cup-1,"Cup"')
    import_file(shop, "products", path, now=later)
    with reading(shop) as conn:
        rows = conn.execute(sa.select(products.c.sku, products.c.updated_at)).all()
        times = {row.sku: row.updated_at for row in rows}
    assert times == {"tea-1": later, "tea-2": NOW, "cup-1": NOW}


def test_markets_are_added_and_brought_up_to_date(shop: Engine, write_file: WriteFile) -> None:
    path = write_file(
        "market,currency,timezone,tax_rate",
        "online,EUR,Europe/Vienna,0.2",
        "kuwait,KWD,Asia/Kuwait,",
    )
    report = import_file(shop, "markets", path, now=NOW)
    assert (report.inserted, report.updated) == (1, 1)
    with reading(shop) as conn:
        found = {market.code: market for market in list_markets(conn)}
    assert found["kuwait"] == Market("kuwait", "KWD", "Asia/Kuwait")
    # The file has no column for the name and the channel: they stay.
    assert found["online"] == Market(
        "online", "EUR", "Europe/Vienna", tax_rate=0.2, name="Web shop"
    )
    assert import_file(shop, "markets", path, now=NOW).unchanged == 2


def test_costs_are_taken_as_they_are_or_from_price_and_margin(
    shop: Engine, write_file: WriteFile
) -> None:
    import_file(
        shop,
        "costs",
        write_file("sku,market,date,cost", "tea-1,online,2026-01-01,1.20"),
        now=NOW,
    )
    margins = write_file("sku,market,date,price,margin_pct", "tea-2,online,2026-01-01,10,35.5")
    import_file(shop, "costs", margins, now=NOW)
    with reading(shop) as conn:
        minor = conn.scalars(sa.select(costs.c.cost_minor).order_by(costs.c.cost_minor)).all()
    assert minor == [120, 645]


def test_costs_without_market_and_date_hold_everywhere_from_the_beginning(
    engine: Engine, write_file: WriteFile
) -> None:
    import_file(
        engine, "markets", write_file("code,currency", "online,EUR", "store-01,EUR"), now=NOW
    )
    import_file(engine, "products", write_file("sku,title", "tea-1,Tea", "tea-2,Tea"), now=NOW)
    report = import_file(
        engine, "costs", write_file("sku,cost", "tea-1,1.20", "tea-2,1.30"), now=NOW
    )
    assert (report.rows, report.inserted) == (2, 4)
    with reading(engine) as conn:
        rows = conn.execute(sa.select(costs.c.valid_from, costs.c.cost_minor)).all()
    assert sorted(tuple(row) for row in rows) == [
        (date(1970, 1, 1), 120),
        (date(1970, 1, 1), 120),
        (date(1970, 1, 1), 130),
        (date(1970, 1, 1), 130),
    ]


def test_costs_without_market_are_refused_where_currencies_differ(
    shop: Engine, write_file: WriteFile
) -> None:
    with pytest.raises(LayoutRefused, match="'EUR', 'JPY'"):
        import_file(shop, "costs", write_file("sku,cost", "tea-1,1.20"), now=NOW)


def test_stock_without_a_date_was_counted_today(shop: Engine, write_file: WriteFile) -> None:
    import_file(
        shop, "stock", write_file("sku,market,stock", "tea-1,online,12", "tea-2,online,0"), now=NOW
    )
    with reading(shop) as conn:
        rows = conn.execute(sa.select(stock.c.counted_at, stock.c.units)).all()
    assert sorted(tuple(row) for row in rows) == [(NOW.date(), 0.0), (NOW.date(), 12.0)]


def test_a_parquet_file_is_read_by_its_types(shop: Engine, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "sku": ["tea-1", "tea-2"],
            "market": pd.Categorical(["online", "tokyo"]),
            "date": pd.to_datetime(["2026-01-05", "2026-01-12"]),
            "units": [4, 5],
            "revenue": [19.96, 1000.0],
            "regular_price": [np.nan, 250.0],
            "stock_out": [True, False],
            "something_else": [object, object],
        }
    ).drop(columns="something_else")
    path = tmp_path / "sales.parquet"
    frame.to_parquet(path)
    report = import_file(shop, "sales", path, now=NOW)
    assert report.inserted == 2
    assert report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with reading(shop) as conn:
        rows = conn.execute(sa.select(sales).order_by(sales.c.units)).all()
    assert [(row.period_start, row.revenue_minor, row.regular_price_minor) for row in rows] == [
        (date(2026, 1, 5), 1996, None),
        (date(2026, 1, 12), 1000, 250),
    ]
    assert [row.stock_out for row in rows] == [True, False]


def test_parquet_decimals_and_integer_skus_are_exact(shop: Engine, tmp_path: Path) -> None:
    import_file(shop, "products", _csv(tmp_path, "sku,title", "1001,Numbered"), now=NOW)
    table = pa.table(
        {
            "sku": pa.array([1001]),
            "market": ["online"],
            "date": pa.array([date(2026, 1, 5)], pa.date32()),
            "units": pa.array([1], pa.int16()),
            "revenue": pa.array(["12345678.91"]).cast(pa.decimal128(18, 2)),
        }
    )
    pq.write_table(table, tmp_path / "d.parquet")
    import_file(shop, "sales", tmp_path / "d.parquet", now=NOW)
    with reading(shop) as conn:
        assert conn.scalar(sa.select(sales.c.revenue_minor)) == 1234567891


def test_a_gzipped_file_is_unpacked_on_the_way(shop: Engine, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress("\n".join(SALES).encode()))
    report = import_file(shop, "sales", path, now=NOW)
    assert report.inserted == 3
    assert report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        pytest.param(b"\xef\xbb\xbfsku,title\ntea-9,Th\xc3\xa9\n", None, id="UTF-8 with a BOM"),
        pytest.param(b"sku,title\r\ntea-9,Th\xc3\xa9\r\n", None, id="Windows line ends"),
        pytest.param(b"sku,title\ntea-9,Th\xc3\xa9", None, id="no line end at the end"),
        pytest.param(b"\n\nsku,title\n\ntea-9,Th\xc3\xa9\n\n", None, id="blank lines"),
        pytest.param(b"sku,title\ntea-9,Th\xe9\n", "latin-1", id="Latin-1, said so"),
        pytest.param("sku,title\ntea-9,Thé\n".encode("utf-16"), "utf-16", id="UTF-16, said so"),
    ],
)
def test_text_is_read_in_its_encoding(
    shop: Engine, write_file: WriteFile, data: bytes, encoding: str | None
) -> None:
    import_file(shop, "products", write_file(data=data), encoding=encoding, now=NOW)
    with reading(shop) as conn:
        assert {product.sku: product.title for product in all_products(conn)}["tea-9"] == "Thé"


def test_a_quoted_field_may_hold_delimiters_and_line_ends(
    shop: Engine, write_file: WriteFile
) -> None:
    path = write_file("sku,title", 'tea-8,"Tea,', 'in two lines"', "tea-9,Tea")
    import_file(shop, "products", path, now=NOW)
    with reading(shop) as conn:
        titles = {product.sku: product.title for product in all_products(conn)}
    assert titles["tea-8"] == "Tea,\nin two lines"


def test_progress_is_told_after_every_chunk(
    shop: Engine, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    rows = [f"sku-{n},Product" for n in range(120_000)]
    path = write_file("sku,title", *rows)
    import_file(shop, "products", path, progress=seen.append, now=NOW)
    assert seen == [50_000, 100_000, 120_000]
    assert counts(shop)["products"] == 120_003


def test_an_import_is_on_record(shop: Engine, write_file: WriteFile) -> None:
    path = write_file(*SALES)
    report = import_file(shop, "sales", path, now=NOW)
    with reading(shop) as conn:
        row = conn.execute(sa.select(imports)).one()
    assert (row.kind, row.file_name, row.sha256) == ("sales", str(path), report.sha256)
    assert (row.rows, row.inserted, row.finished_at) == (3, 3, NOW)


def test_other_markets_may_not_appear_while_a_file_with_new_ones_is_read(
    shop: Engine, write_file: WriteFile
) -> None:
    """Numbers of new markets are given while reading; another import could take them."""
    path = write_file("sku,market,date,units,revenue", "tea-1,store-9,2026-01-05,1,3.50")
    other = write_file("code,currency", "store-7,EUR", name="other.csv")

    def meanwhile(_: int) -> None:
        import_file(shop, "markets", other, now=NOW)

    with pytest.raises(ImportRefused, match="import it again"):
        import_file(shop, "sales", path, new_markets=NewMarkets("EUR"), progress=meanwhile, now=NOW)
    assert counts(shop)["sales"] == 0
    report = import_file(shop, "sales", path, new_markets=NewMarkets("EUR"), now=NOW)
    assert report.inserted == 1


def test_others_may_write_while_a_long_file_is_read(shop: Engine, write_file: WriteFile) -> None:
    path = write_file(*SALES)
    other = write_file("sku,title", "tea-9,Tea", name="other.csv")

    def meanwhile(_: int) -> None:
        import_file(shop, "products", other, now=NOW)

    assert import_file(shop, "sales", path, progress=meanwhile, now=NOW).inserted == 3
    assert counts(shop)["products"] == 4


def test_real_scanner_data_comes_in_with_its_costs(engine: Engine, write_file: WriteFile) -> None:
    """Three orange juices in 83 stores: see ../shared/data/README.md."""
    path = shared_data("oj/oj_weekly.csv")
    titles = pd.read_csv(path, usecols=["sku"])["sku"].unique()
    catalogue = write_file("sku,title,category", *(f"{sku},{sku},juice" for sku in titles))
    import_file(engine, "products", catalogue)
    names = {"market": "store", "date": "week_start", "price": "price_per_64oz"}
    report = import_file(
        engine,
        "sales",
        path,
        mapping={**names, "units": "units_oz/64"},
        new_markets=NewMarkets("USD", "America/Chicago"),
    )
    assert (report.rows, report.inserted, len(report.new_markets)) == (28_947, 28_947, 83)
    assert (
        import_file(
            engine, "costs", path, mapping={**names, "margin_pct": "gross_margin_pct"}
        ).inserted
        == 28_947
    )
    given = pd.read_csv(path).sort_values(["sku", "store", "week_start"])
    with reading(engine) as conn:
        frame = read_sales(conn)
    assert frame["cost"].notna().all()
    assert frame["units"].sum() == given["units_oz"].sum() / 64
    keyed = given.assign(store=given["store"].astype(str)).set_index(["sku", "store", "week_start"])
    mine = frame.assign(week_start=frame["period_start"].dt.strftime("%Y-%m-%d")).set_index(
        ["sku", "market", "week_start"]
    )
    price = keyed["price_per_64oz"].reindex(mine.index.set_names(keyed.index.names))
    sold_many = (mine["units"] > 10).to_numpy()  # revenue is rounded to a cent
    np.testing.assert_allclose(
        mine["price"].to_numpy()[sold_many], price.to_numpy()[sold_many], atol=0.001
    )


def _csv(folder: Path, *lines: str) -> Path:
    path = folder / "small.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_process_killed_before_the_last_commit_leaves_nothing(
    shop: Engine, write_file: WriteFile
) -> None:
    path = write_file("sku,title,category", *(f"sku-{n},Product,x" for n in range(1000)))
    before = counts(shop)
    program = """
import os, signal, sys
import sqlalchemy as sa
from storage.database import open_engine
from storage.imports import import_file

url, path = sys.argv[1:]
engine = open_engine(url)

@sa.event.listens_for(engine, "commit")
def die(conn):
    if conn.exec_driver_sql("SELECT count(*) FROM products").scalar_one() > 3:
        os.kill(os.getpid(), signal.SIGKILL)  # all rows are written, and would be seen after this

import_file(engine, "products", path)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, url_of(shop), str(path)], check=False, timeout=120
    )
    assert done.returncode == -signal.SIGKILL
    assert counts(shop) == before
    assert import_file(shop, "products", path, now=NOW).inserted == 1000
