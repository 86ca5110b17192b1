"""Where a listing leads."""

from __future__ import annotations

from scrapers.extract import Links, listing_links

URL = "https://shop.example/category/kitchen?page=2"


def page(body: str) -> bytes:
    return f"<html><body>{body}</body></html>".encode()


def card(path: str, price: str) -> str:
    return f'<li><a href="{path}"><img src="i.jpg"></a><a href="{path}#r">n</a><b>{price}</b></li>'


def test_a_box_with_a_price_leads_to_its_product() -> None:
    body = page(f"<ul>{card('/p/1', '€4.50')}{card('/p/2', '12,00 EUR')}</ul>")
    assert listing_links(body, URL).products == (
        "https://shop.example/p/1",
        "https://shop.example/p/2",
    )


def test_links_without_a_price_near_are_not_products() -> None:
    body = page(
        '<nav><a href="/about">About us</a></nav><p>Founded 1998 <a href="/team">Team</a></p>'
    )
    assert listing_links(body, URL) == Links()


def test_other_hosts_files_and_the_page_itself_are_left_out() -> None:
    cards = [
        card("https://ads.example/p/1", "€4.50"),
        card("/leaflet.pdf", "€4.50"),
        card("/category/kitchen?page=2", "€4.50"),
        card("javascript:void(0)", "€4.50"),
        card("http://[broken", "€4.50"),
    ]
    assert listing_links(page("".join(cards)), URL).products == ()


def test_the_next_page_is_found_by_its_relation_by_its_word_and_by_its_number() -> None:
    body = page(
        '<a rel="next" href="?page=3">more</a>'
        '<nav class="pagination"><a href="?page=1">1</a><a href="?page=4">4</a></nav>'
        '<a href="/category/kitchen?page=5">Weiter</a>'
        '<a href="/years/2024">2024</a>'
    )
    base = "https://shop.example/category/kitchen"
    assert listing_links(body, URL).pages == (f"{base}?page=3", f"{base}?page=1", f"{base}?page=4",
                                              f"{base}?page=5")  # fmt: skip


def test_a_box_that_links_to_many_pages_is_not_a_card() -> None:
    links = "".join(f'<a href="/p/{i}">x</a>' for i in range(9))
    assert listing_links(page(f"<div><div>{links}</div><b>€4.50</b></div>"), URL).products == ()


def test_bytes_that_are_no_page_have_no_links() -> None:
    assert listing_links(b"\x00\x01", URL) == Links()
