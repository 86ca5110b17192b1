"""Walls and products long gone, in many languages: no price on such a page is the product's."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.extract import Offer, Reason, Refusal, extract_offer

URL: Final = "https://shop.example/product/1"
OTHERS: Final = (
    '<div class="related"><a href="/product/2">Robin Mug</a> <span class="price">€49.00</span>'
    "<button>Add to cart</button></div>"
)

ROBOT: Final = [
    "Please prove you are human.", "Checking your browser before you go on",
    "Bitte bestätigen Sie, dass Sie kein Roboter sind", "Ihr Browser wird überprüft …",
    "Vérifiez que vous êtes humain", "Confirmez que vous n’êtes pas un robot",
    "Demuestra que eres humano", "Confirme que no es un robot",
    "Conferma di non essere un robot", "Bevestig dat je geen robot bent",
    "Potwierdź, że nie jesteś robotem", "Ověřte, že jste člověk", "请确认您是真人",
    "请完成安全验证后继续", "ロボットではないことを確認してください", "ブラウザを確認しています",
]  # fmt: skip
COOKIES: Final = [
    "You must accept cookies to see this shop", "Bitte aktivieren Sie Cookies",
    "Veuillez activer les cookies", "Debes aceptar las cookies", "Devi accettare i cookie",
    "Accepteer cookies om verder te gaan", "Zaakceptuj pliki cookie, aby kontynuować",
    "Musíte přijmout cookies", "请启用 Cookie", "Cookieを有効にしてください",
]  # fmt: skip
LOG_IN: Final = [
    "Log in to see prices", "Melden Sie sich an, um Preise zu sehen",
    "Connectez-vous pour voir les prix", "Inicia sesión para ver los precios",
    "Accedi per vedere i prezzi", "Log in om prijzen te zien", "Zaloguj się, aby zobaczyć ceny",
    "Přihlaste se pro zobrazení cen", "请登录后查看价格", "価格を見るにはログインしてください",
]  # fmt: skip
GONE: Final = [
    "This product is no longer available.", "Sorry, this item has been discontinued!",
    "Discontinued", "Leider ist dieser Artikel nicht mehr verfügbar.",
    "Dieses Produkt ist nicht mehr im Sortiment", "Ce produit n’est plus disponible.",
    "Este producto ya no está disponible", "Producto descatalogado",
    "Questo prodotto non è più disponibile.", "Dit product is niet meer leverbaar",
    "Ten produkt nie jest już dostępny", "Produkt wycofany z oferty",
    "Produkt již není v nabídce.", "Výroba byla ukončena", "该商品已下架", "此商品已停产",
    "この商品は販売を終了しました。", "生産終了",
]  # fmt: skip
NOT_FOUND: Final = [
    "404", "Page not found", "Seite nicht gefunden", "Oups, page introuvable",
    "Página no encontrada", "Pagina non trovata", "Pagina niet gevonden",
    "Nie znaleziono strony", "Stránka nebyla nalezena", "页面不存在", "ページが見つかりません",
]  # fmt: skip
IN_TEXT: Final = [
    *((text, Reason.WALL) for text in (*ROBOT, *COOKIES, *LOG_IN)),
    *((text, Reason.GONE) for text in GONE),
]
IN_HEADINGS: Final = [*IN_TEXT, *((text, Reason.GONE) for text in NOT_FOUND)]


def read(body: str, title: str = "Shop", head: str = "") -> Offer | Refusal:
    page = f'<html><head><meta charset="utf-8"><title>{title}</title>{head}</head>'
    return extract_offer(f"{page}<body>{body}</body></html>".encode(), URL)


def reason_of(found: Offer | Refusal) -> Reason | None:
    return found.reason if isinstance(found, Refusal) else None


@pytest.mark.parametrize(("text", "reason"), IN_HEADINGS)
def test_a_heading_or_a_title_that_says_so_outweighs_every_price(text: str, reason: Reason) -> None:
    priced = f'<p class="price">€89.00</p>{OTHERS}'
    assert reason_of(read(f"<h1>{text}</h1>{priced}")) is reason
    assert reason_of(read(f"<h1>Kettle</h1>{priced}", title=f"{text} | Avocet")) is reason


@pytest.mark.parametrize(("text", "reason"), IN_TEXT)
def test_a_sentence_outweighs_the_price_of_a_page_that_offers_nothing_to_buy(
    text: str, reason: Reason
) -> None:
    priced = '<span class="price">€89.00</span>'
    assert reason_of(read(f"<h1>Kettle</h1><p>{text}</p>{priced}{OTHERS}")) is reason
    data = (
        '<script type="application/ld+json">{"@type": "Product", "name": "Kettle", "offers": '
        '{"price": "100.00", "priceCurrency": "EUR", "availability": "InStock"}}</script>'
    )
    assert reason_of(read(f"<h1>Kettle</h1><p>{text}</p>", head=data)) is reason


@pytest.mark.parametrize(("text", "reason"), IN_TEXT)
def test_the_same_sentence_on_a_page_that_sells_its_product_is_not_about_the_page(
    text: str, reason: Reason
) -> None:
    sold = '<h1>Kettle</h1><p class="price">€89.00</p><button>Add to cart</button>'
    found = read(f"{sold}<p>{text}</p>")
    assert isinstance(found, Offer)
    assert str(found.price) == "89.00"


NOT_THE_PAGE: Final = [
    f'<div class="newsletter">{ROBOT[0]}</div>',
    f'<form><textarea name="review"></textarea><p>{ROBOT[0]}</p></form>',
    f"<p hidden>{GONE[0]}</p>",
    f'<p style="display:none">{GONE[0]}</p>',
    f'<p class="js-message d-none">{GONE[0]}</p>',
    f"<template><p>{GONE[0]}</p></template>",
    f"<noscript>{COOKIES[0]}</noscript>",
    f"<footer>{LOG_IN[0]}</footer>",
    "<p>This size is no longer available.</p>",
    "<p>Diese Farbe ist nicht mehr verfügbar.</p>",
    "<p>The kettle that was discontinued in 1990 is back.</p>",
    "<p>No longer available in shops, only here.</p>",
    f'<div class="reviews"><p>{GONE[1]}</p></div>',
    f"<h2>Similar products</h2><div><a href='/2'>Mug</a><p>{GONE[0]}</p></div>",
]


@pytest.mark.parametrize("part", NOT_THE_PAGE)
def test_what_is_said_of_something_else_or_not_shown_takes_no_price_away(part: str) -> None:
    found = read(f'<h1>Kettle</h1><p class="price">€89.00</p>{part}')
    assert isinstance(found, Offer)
    assert str(found.price) == "89.00"


def test_a_long_page_is_no_wall_for_a_sentence_in_its_text() -> None:
    story = "<p>It boils water, and it is blue.</p>" * 150
    found = read(f'<h1>Kettle</h1><p class="price">€89.00</p><p>{COOKIES[0]}</p>{story}')
    assert isinstance(found, Offer)


@given(
    said=st.sampled_from(IN_HEADINGS),
    prices=st.lists(st.integers(1, 99_999), max_size=5),
    selector=st.booleans(),
)
def test_no_number_of_prices_makes_a_wall_an_offer(
    said: tuple[str, Reason], prices: list[int], selector: bool
) -> None:
    text, reason = said
    shown = "".join(f'<p class="price product-price">€{cents / 100:.2f}</p>' for cents in prices)
    assert reason_of(read(f"<h1>{text}</h1>{shown}")) is reason
