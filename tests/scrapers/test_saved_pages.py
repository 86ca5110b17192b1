"""Saved pages named by a manifest."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from api.cli import main
from scrapers.errors import InvalidManifest
from scrapers.saved_pages import extract_lines, read_manifest

PAGE = (
    b'<html><head><script type="application/ld+json">{"@type": "Product", "name": "Kettle", '
    b'"sku": "K-1", "offers": {"price": "39.90", "priceCurrency": "EUR", "availability": '
    b'"InStock"}}'
    b"</script></head><body><h1>Kettle</h1></body></html>"
)


def manifest(folder: Path, text: str) -> Path:
    path = folder / "pages.csv"
    path.write_text(text, "utf-8")
    return path


def test_plain_and_gzipped_pages_give_the_same_line(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(PAGE)
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(PAGE))
    rows = "file,url\na.html,https://shop.example/a\na.html.gz,https://shop.example/a\n"
    plain, packed = extract_lines(read_manifest(manifest(tmp_path, rows)))
    assert plain | {"file": ""} == packed | {"file": ""}
    expected = {"file": "a.html", "price": "39.90", "list_price": None, "currency": "EUR",
                "availability": "in_stock", "source": "json-ld", "reason": None, "gtin": None,
                "mpn": None, "sku": "K-1", "brand": None, "title": "Kettle"}  # fmt: skip
    assert {name: plain[name] for name in expected} == expected
    confidence = plain["confidence"]
    assert isinstance(confidence, float)
    assert 0.9 < confidence < 1.0


def test_the_sites_currency_decides_a_shared_sign(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1>Kettle</h1><p class="price">$39.90</p>')
    rows = "file,url,currency\na.html,https://shop.example/a,cad\n"
    (line,) = extract_lines(read_manifest(manifest(tmp_path, rows)))
    assert (line["price"], line["currency"]) == ("39.90", "CAD")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("name,url\nx,y\n", "column 'file' is missing; the columns are: name, url"),
        ("", "column 'file' is missing"),
        ("file,url\na.html,\n", "line 2: 'file' and 'url'"),
        ("file,url,currency\na.html,https://x.example/,EURO\n", "no ISO 4217 code"),
        (f"file,url\n{'x' * 200_000},u\n", "after line 1: is no CSV: field larger"),
        ('file,url\n"a.html,u\nb.html,u\n', "is no CSV: unexpected end"),
    ],
)
def test_a_manifest_that_can_not_be_used_is_refused_with_its_place(
    tmp_path: Path, rows: str, said: str
) -> None:
    with pytest.raises(InvalidManifest, match=said):
        read_manifest(manifest(tmp_path, rows))


def test_the_command_prints_a_line_for_each_page_and_fails_for_those_it_can_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.html").write_bytes(PAGE)
    (tmp_path / "cut.html.gz").write_bytes(gzip.compress(PAGE)[:40])
    (tmp_path / "empty.html").write_bytes(b"")
    path = manifest(
        tmp_path,
        "file,url\na.html,https://s.example/a\ncut.html.gz,https://s.example/b\n"
        "empty.html,https://s.example/c\nnone.html,https://s.example/d\n",
    )
    with pytest.raises(SystemExit) as ended:
        main(["extract", "--manifest", str(path), "--json"])
    assert ended.value.code == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["price"] for line in lines] == ["39.90", None, None, None]
    assert [str(line["reason"])[:5] for line in lines] == ["None", "file:", "not h", "file:"]
    assert len({tuple(line) for line in lines}) == 1  # every line has every field


def test_a_page_that_does_not_end_is_read_as_far_as_any_page(tmp_path: Path) -> None:
    page = b"<h1>Kettle</h1><p class=price>39,90 EUR</p>" + b"<p>more</p>" * 900_000
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(page, 1))
    rows = " FILE ,Url\na.html.gz,https://shop.example/a\n"
    (line,) = extract_lines(read_manifest(manifest(tmp_path, rows)))
    assert line["price"] == "39.90"


def test_a_price_has_no_exponent(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(PAGE.replace(b'"39.90"', b"4e3"))
    rows = "file,url\na.html,https://shop.example/a\n"
    (line,) = extract_lines(read_manifest(manifest(tmp_path, rows)))
    assert Decimal(str(line["price"])) == 4000
    assert "E" not in str(line["price"])
