"""Real product pages with labels: how many prices are found, and how many of them are right."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal

from scrapers.extract import Offer, extract_offer
from tests.shared_data import shared_data


def test_prices_of_real_pages_are_found_and_right() -> None:
    labels = json.loads(shared_data("pages/ground-truth.json").read_text("utf-8"))
    right = wrong = missed = 0
    for name, label in labels.items():
        body = gzip.decompress(shared_data(f"pages/html/{name}.html.gz").read_bytes())
        read = extract_offer(body, label["url"])
        wanted = {Decimal(price.strip()) for price in label.get("price", [])}
        price = read.price if isinstance(read, Offer) else None
        right += price in wanted
        wrong += price is not None and price not in wanted
        missed += bool(wanted) and price not in wanted
    precision, recall = right / (right + wrong), right / (right + missed)
    # Four pages sell in pesos; their labels read `$24.990` as 24.99, which no customer would.
    assert precision >= 0.93
    assert 2 * precision * recall / (precision + recall) >= 0.88
