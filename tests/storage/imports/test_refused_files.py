"""Bad files, on SQLite: each is refused with its place and the fix, and leaves nothing behind."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy.engine import Engine

from storage.errors import FileUnreadable, ImportRefused, LayoutRefused, RowsRefused
from storage.imports import NewMarkets, import_file
from storage.imports.text_file import MAX_LINE_BYTES
from tests.databases import sqlite_engine, url_of
from tests.storage.imports.conftest import WriteFile, counts
from tests.storage.samples import NOW, add_shop

HEADER = "sku,market,date,units,revenue,regular_price,deal,stock_out"
GOOD = "tea-1,online,2026-01-05,4,19.96,5.49,0,0"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Engine]:
    """How a file is read does not depend on the engine; SQLite is the faster one to set up."""
    with sqlite_engine(tmp_path) as engine:
        add_shop(engine)
        yield engine


@pytest.fixture(autouse=True)
def nothing_written(shop: Engine) -> Iterator[None]:
    """After every test of this module the database is as it was before."""
    before = counts(shop)
    yield
    assert counts(shop) == before


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("tea-9,online,2026-01-05,4,19.96,5.49,0,0", "sku", "not a known product"),
        (" ,online,2026-01-05,4,19.96,5.49,0,0", "sku", "is blank"),
        ("tea-1,moon,2026-01-05,4,19.96,5.49,0,0", "market", "not a known market"),
        ("tea-1,,2026-01-05,4,19.96,5.49,0,0", "market", "is blank"),
        ("tea-1,online,,4,19.96,5.49,0,0", "date", "is blank"),
        ("tea-1,online,05.01.2026,4,19.96,5.49,0,0", "date", "is not a date like 2024-03-31"),
        ("tea-1,online,01/05/2026,4,19.96,5.49,0,0", "date", "--map date=COLUMN:%d/%m/%Y"),
        ("tea-1,online,2026-02-30,4,19.96,5.49,0,0", "date", "is not a date"),
        ("tea-1,online,2206-01-05,4,19.96,5.49,0,0", "date", "too far in the future"),
        ("tea-1,online,1066-10-14,4,19.96,5.49,0,0", "date", "lies before 1970"),
        ("tea-1,online,2026-01-05,four,19.96,5.49,0,0", "units", "is not a number"),
        ("tea-1,online,2026-01-05,,19.96,5.49,0,0", "units", "is blank"),
        ("tea-1,online,2026-01-05,-4,19.96,5.49,0,0", "units", "is negative"),
        ("tea-1,online,2026-01-05,inf,19.96,5.49,0,0", "units", "is not a finite number"),
        ("tea-1,online,2026-01-05,NaN,19.96,5.49,0,0", "units", "is not a number"),
        ("tea-1,online,2026-01-05,0x10,19.96,5.49,0,0", "units", "is not a number"),
        ('tea-1,online,2026-01-05,4,"19,96",5.49,0,0', "revenue", "decimals with a point"),
        ("tea-1,online,2026-01-05,4,$19.96,5.49,0,0", "revenue", "is not a number"),
        ("tea-1,online,2026-01-05,4,-19.96,5.49,0,0", "revenue", "is negative"),
        ("tea-1,online,2026-01-05,4,,5.49,0,0", "revenue", "is blank"),
        ("tea-1,online,2026-01-05,4,1e15,5.49,0,0", "revenue", "check the decimal point"),
        ("tea-1,online,2026-01-05,4,19.96,-5.49,0,0", "regular_price", "is negative"),
        ("tea-1,online,2026-01-05,4,19.96,0,0,0", "regular_price", "less than the smallest coin"),
        ("tea-1,online,2026-01-05,4,19.96,0.004,0,0", "regular_price", "less than the smallest"),
        ("tea-1,online,2026-01-05,4,19.96,5.49,2,0", "deal", "share from 0 to 1"),
        ("tea-1,online,2026-01-05,4,19.96,5.49,maybe,0", "deal", "share from 0 to 1"),
        ("tea-1,online,2026-01-05,4,19.96,5.49,0,0.5", "stock_out", "neither yes nor no"),
        ("tea-1,online,2026-01-05,4,19.96,5.49,0", "(row)", "has 7 fields where the header has 8"),
        ("tea-1,online,2026-01-05,4,19,96,5,49,0,0", "(row)", "in double quotes"),
    ],
)
def test_a_bad_value_is_refused_with_its_file_row_column_and_reason(
    shop: Engine, write_file: WriteFile, row: str, column: str, reason: str
) -> None:
    path = write_file(HEADER, GOOD, row)
    with pytest.raises(RowsRefused) as caught:
        import_file(shop, "sales", path, now=NOW)
    (bad,) = caught.value.first
    assert (caught.value.count, bad.row, bad.column) == (1, 3, column)
    assert reason in bad.reason
    for part in (str(path), "row 3", repr(column)):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "lines", "column", "reason"),
    [
        ("costs", ("sku,market,cost", "tea-1,online,0"), "cost", "cost of zero"),
        ("costs", ("sku,market,cost", "tea-1,online,-1"), "cost", "is negative"),
        ("costs", ("sku,market,cost", "tea-1,online,"), "cost", "is blank"),
        ("costs", ("sku,market,cost", "tea-1,online,0.001"), "cost", "cost of zero"),
        (
            "costs",
            ("sku,market,price,margin_pct", "tea-1,online,10,100"),
            "margin_pct",
            "cost of zero or less",
        ),
        (
            "costs",
            ("sku,market,date,cost", "tea-1,online,2028-01-01,1"),
            "date",
            "too far in the future",
        ),
        ("costs", ("sku,market,cost,currency", "tea-1,online,1,EURO"), "currency", "ISO 4217"),
        (
            "costs",
            ("sku,market,cost,as_of", "tea-1,online,1,2028-01-01"),
            "as_of",
            "too far in the future",
        ),
        ("price-limits", ("sku,market,min_price", "tea-1,online,-1"), "min_price", "is negative"),
        ("price-limits", ("sku,market,rrp", "tea-1,online,0"), "rrp", "smallest coin"),
        ("price-limits", ("sku,market,rrp", "tea-1,online,cheap"), "rrp", "is not a number"),
        (
            "price-limits",
            ("sku,market,minimum_price,rrp", "tea-1,online,5,4"),
            "minimum_price",
            "is above rrp",
        ),
        ("stock", ("sku,market,units,expiry", "tea-1,online,3,soon"), "expiry", "is not a date"),
        ("products", ("sku,title,kvi", "t,Tea,perhaps"), "kvi", "neither"),
        ("stock", ("sku,market,units", "tea-1,online,-3"), "units", "is negative"),
        ("products", ("sku,title", "tea-1,"), "title", "is blank"),
        ("products", ("sku,title,ean", "t,Tea,4.00638E+12"), "ean", "no GTIN"),
        ("products", ("sku,title,pack_size", "t,Tea,0"), "pack_size", "above zero"),
        ("markets", ("code,currency", "x,EURO"), "currency", "not an ISO 4217 code"),
        ("markets", ("code,currency", "online,USD"), "currency", "is not EUR"),
        ("markets", ("code,currency,time_zone", "x,EUR,Mars"), "time_zone", "IANA"),
        ("markets", ("code,currency,tax_rate", "x,EUR,19"), "tax_rate", "0.19, not 19"),
    ],
)
def test_every_kind_refuses_what_its_table_cannot_mean(
    shop: Engine, write_file: WriteFile, kind: str, lines: tuple[str, ...], column: str, reason: str
) -> None:
    with pytest.raises(RowsRefused) as caught:
        import_file(shop, kind, write_file(*lines), now=NOW)  # type: ignore[arg-type]
    (bad,) = caught.value.first
    assert (bad.row, bad.column) == (2, column)
    assert reason in bad.reason


def test_bad_rows_are_counted_and_the_first_twenty_listed(
    shop: Engine, write_file: WriteFile
) -> None:
    rows = [GOOD.replace("2026-01-05", f"2026-01-{day:02d}") for day in range(1, 11)]
    bad = ["tea-1,online,never,x,19.96,5.49,0,0", "tea-1,online"] * 40
    with pytest.raises(RowsRefused) as caught:
        import_file(shop, "sales", write_file(HEADER, *rows, *bad), now=NOW)
    assert caught.value.count == 80
    assert [item.row for item in caught.value.first] == list(range(12, 32))
    assert str(caught.value).splitlines()[-1].strip() == "... and 60 more"
    assert len(str(caught.value).splitlines()) == 22


def test_a_bad_row_at_the_end_of_a_long_file_takes_everything_back(
    shop: Engine, write_file: WriteFile
) -> None:
    rows = [f"sku-{n},Product" for n in range(60_000)]
    with pytest.raises(RowsRefused) as caught:
        import_file(shop, "products", write_file("sku,title", *rows, "sku-x,"), now=NOW)
    assert caught.value.first[0].row == 60_002


@pytest.mark.parametrize("apart", [0, 60_000])
def test_a_repeated_key_is_refused_however_far_apart(
    shop: Engine, write_file: WriteFile, apart: int
) -> None:
    between = [f"sku-{n},Product" for n in range(apart)]
    path = write_file("sku,title", "tea-7,One", *between, "tea-7,Two", "tea-7,Three")
    with pytest.raises(RowsRefused) as caught:
        import_file(shop, "products", path, now=NOW)
    (bad,) = caught.value.first
    assert (caught.value.count, bad.row, bad.value) == (2, apart + 4, "tea-7")
    assert "row 2" in bad.reason


def test_a_repeated_key_of_sales_is_told_by_its_names(shop: Engine, write_file: WriteFile) -> None:
    path = write_file(HEADER, GOOD, GOOD.replace("19.96", "5.00"))
    with pytest.raises(RowsRefused, match="tea-1, online, 2026-01-05"):
        import_file(shop, "sales", path, now=NOW)


def test_a_repeated_key_among_new_markets_is_told_too(shop: Engine, write_file: WriteFile) -> None:
    row = GOOD.replace("online", "store-9")
    with pytest.raises(RowsRefused, match="tea-1, store-9, 2026-01-05"):
        import_file(
            shop, "sales", write_file(HEADER, row, row), new_markets=NewMarkets("EUR"), now=NOW
        )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param((), "the file is empty", id="empty"),
        pytest.param(("", ""), "the file is empty", id="blank lines only"),
        pytest.param((HEADER,), "header but no rows", id="header only"),
        pytest.param(
            ("sku,market,date,revenue", "tea-1,online,2026-01-05,3"),
            "column 'units' is missing; the file has 'sku', 'market', 'date', 'revenue'. "
            "Say which one it is with --map units=COLUMN",
            id="a column is missing",
        ),
        pytest.param(
            ("sku,market,date,units", "tea-1,online,2026-01-05,3"),
            "'revenue or price' is missing",
            id="neither revenue nor price",
        ),
        pytest.param(
            (HEADER.replace(",", ";"), GOOD.replace(",", ";")),
            "separated by a semicolon, not by a comma: try --delimiter ';'",
            id="semicolons",
        ),
        pytest.param(
            (HEADER.replace(",", "\t"), GOOD.replace(",", "\t")),
            "separated by a tab, not by a comma: try --delimiter '\\t'",
            id="tabs",
        ),
        pytest.param(
            (HEADER + ",units", GOOD + ",3"), "'units' stands in the header more than once",
            id="a column twice",
        ),
        pytest.param(
            (HEADER, 'tea-1,"online,2026-01-05,4,19.96,5.49,0,0', GOOD),
            "line 3: unexpected end of data; a double quote may be left open",
            id="an open quote",
        ),
        pytest.param(
            (HEADER, 'tea-1,"online" x,2026-01-05,4,19.96,5.49,0,0'),
            "line 2: ',' expected after '\"'",
            id="text after a quote",
        ),
        pytest.param(
            (HEADER, '"' + "x" * 200_000, *(["y" * 1000] * 200)),
            "line 2: field larger than field limit",
            id="a quote that swallows the file",
        ),
        pytest.param((HEADER, "x" * (MAX_LINE_BYTES + 1)), "line 2 is longer than", id="long line"),
    ],
)  # fmt: skip
def test_a_layout_that_does_not_fit_says_what_would(
    shop: Engine, write_file: WriteFile, lines: tuple[str, ...], message: str
) -> None:
    with pytest.raises(LayoutRefused) as caught:
        import_file(shop, "sales", write_file(*lines), now=NOW)
    assert message in str(caught.value)
    assert "file.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"units": "quantity"}, "mapped 'units' to 'quantity', but there is no such column"),
        ({"unit": "units"}, "have no column 'unit'"),
        ({"units": "units/zero"}, "there is no such column"),
        ({"units": "units/0"}, "not a number above zero"),
        ({"units": "units/1e999"}, "not a number above zero"),
        ({"sku": "sku*2"}, "cannot be scaled"),
        ({"units": "units:%d"}, "only dates take one"),
        ({"date": "date:day first"}, "only dates take one"),
        ({"date": "date:%q"}, "is no date format: 'q' is a bad directive"),
        ({"date": "date", "period_start": "date"}, "mapped more than once"),
    ],
)
def test_a_mapping_that_does_not_fit_says_why(
    shop: Engine, write_file: WriteFile, mapping: dict[str, str], message: str
) -> None:
    with pytest.raises(LayoutRefused) as caught:
        import_file(shop, "sales", write_file(HEADER, GOOD), mapping=mapping, now=NOW)
    assert message in str(caught.value)


def test_mixed_date_formats_are_refused_row_by_row(shop: Engine, write_file: WriteFile) -> None:
    rows = [GOOD, GOOD.replace("2026-01-05", "12/01/2026"), GOOD.replace("2026-01-05", "Jan 19")]
    path = write_file(HEADER, *rows)
    with pytest.raises(RowsRefused) as caught:
        import_file(shop, "sales", path, now=NOW)
    assert [bad.row for bad in caught.value.first] == [3, 4]
    with pytest.raises(RowsRefused) as caught:
        import_file(shop, "sales", path, mapping={"date": "date:%d/%m/%Y"}, now=NOW)
    assert [bad.row for bad in caught.value.first] == [2, 4]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"sku,title\ntea-9,Th\xe9\n", "line 2: byte 0xE9 is not utf-8"),
        ("sku,title\ntea-9,Thé\n".encode("utf-16"), "--encoding utf-16"),
        (b"sku,title\ntea-9,Th\0\n", "line 2 holds a zero byte"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(1, 256)), "line 1: byte 0x89"),
    ],
)
def test_text_in_another_encoding_names_the_line_and_the_option(
    shop: Engine, write_file: WriteFile, data: bytes, message: str
) -> None:
    with pytest.raises(FileUnreadable) as caught:
        import_file(shop, "products", write_file(data=data), now=NOW)
    assert message in str(caught.value)


def test_an_unknown_encoding_or_delimiter_is_refused(shop: Engine, write_file: WriteFile) -> None:
    path = write_file("sku,title", "tea-9,Tea")
    with pytest.raises(FileUnreadable, match="klingon"):
        import_file(shop, "products", path, encoding="klingon", now=NOW)
    with pytest.raises(LayoutRefused, match="one character"):
        import_file(shop, "products", path, delimiter="::", now=NOW)


def test_a_path_that_is_no_file_says_what_it_is(shop: Engine, tmp_path: Path) -> None:
    for name in ("sales.csv", "sales.parquet"):
        with pytest.raises(FileUnreadable, match="does not exist"):
            import_file(shop, "sales", tmp_path / name, now=NOW)
    with pytest.raises(FileUnreadable, match="is a directory"):
        import_file(shop, "sales", tmp_path, now=NOW)


def test_a_file_that_is_not_what_its_name_says_is_refused(
    shop: Engine, write_file: WriteFile
) -> None:
    with pytest.raises(FileUnreadable, match="not a Parquet file"):
        import_file(shop, "sales", write_file(HEADER, GOOD, name="sales.parquet"), now=NOW)
    with pytest.raises(FileUnreadable, match="cannot be unpacked"):
        import_file(shop, "sales", write_file(HEADER, GOOD, name="sales.csv.gz"), now=NOW)


def test_a_file_that_was_cut_short_is_refused(shop: Engine, tmp_path: Path) -> None:
    rows = "".join(f"sku-{n},Product {n * 7919 % 10007}\n" for n in range(60_000))
    packed = gzip.compress(f"sku,title\n{rows}".encode())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(FileUnreadable, match="cannot be unpacked after line"):
        import_file(shop, "products", tmp_path / "cut.csv.gz", now=NOW)

    table = pa.table({"sku": [f"sku-{n}" for n in range(60_000)], "title": ["x"] * 60_000})
    pq.write_table(table, tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileUnreadable, match="not a Parquet file"):
        import_file(shop, "products", tmp_path / "cut.parquet", now=NOW)
    # The footer is whole, the data is not.
    (tmp_path / "torn.parquet").write_bytes(whole[:100] + b"\xff" * 50_000 + whole[50_100:])
    with pytest.raises(ImportRefused):
        import_file(shop, "products", tmp_path / "torn.parquet", now=NOW)


def test_a_parquet_file_without_rows_or_with_strange_types_is_refused(
    shop: Engine, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"sku": pa.array([], pa.string()), "title": pa.array([], pa.string())}),
                   tmp_path / "none.parquet")  # fmt: skip
    with pytest.raises(LayoutRefused, match="no rows"):
        import_file(shop, "products", tmp_path / "none.parquet", now=NOW)
    pq.write_table(pa.table({"sku": [["a", "b"]], "title": ["x"]}), tmp_path / "list.parquet")
    with pytest.raises(LayoutRefused, match="'sku' holds list"):
        import_file(shop, "products", tmp_path / "list.parquet", now=NOW)


def test_a_file_that_is_cut_while_it_is_read_leaves_nothing(
    shop: Engine, write_file: WriteFile
) -> None:
    """To a reader, a file cut between two rows looks like a shorter file."""
    rows = [f"sku-{n},Product" for n in range(200_000)]
    path = write_file("sku,title", *rows)

    def cut(_: int) -> None:
        os.truncate(path, 3_000_000)

    with pytest.raises(FileUnreadable, match="changed while it was read"):
        import_file(shop, "products", path, progress=cut, now=NOW)


def _limited(url: str, path: str, megabytes: int) -> subprocess.CompletedProcess[str]:
    """An import in a process of its own, with its peak memory printed at the end."""
    program = textwrap.dedent(
        f"""
        import resource
        from storage.database import open_engine
        from storage.errors import ImportRefused
        from storage.imports import import_file
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            import_file(open_engine({url!r}), "products", {path!r})
        except ImportRefused as refused:
            print(str(refused)[:300])
        used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert used < {megabytes}, used
        """
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_an_endless_line_is_refused_in_little_memory(shop: Engine) -> None:
    done = _limited(url_of(shop), "/dev/zero", 50)
    assert done.returncode == 0, done.stderr
    assert "longer than" in done.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_long_stream_is_read_in_bounded_memory(shop: Engine, tmp_path: Path) -> None:
    """150 MB through a FIFO, the last row of them bad: all of it was put aside on disk.

    The process that reads it takes about 170 MB to start, so whoever keeps the text passes 250.
    """
    fifo = tmp_path / "stream.csv"
    os.mkfifo(fifo)
    title = "A product with a title of some length " * 25

    def feed() -> None:
        with fifo.open("w") as stream:
            stream.write("sku,title\n")
            stream.writelines(f"sku-{n:09d},{title}\n" for n in range(150_000))
            stream.write("last,\n")

    feeder = threading.Thread(target=feed)
    feeder.start()
    done = _limited(url_of(shop), str(fifo), 250)
    feeder.join()
    assert done.returncode == 0, done.stderr
    assert "row 150002, column 'title': '' is blank" in done.stdout
