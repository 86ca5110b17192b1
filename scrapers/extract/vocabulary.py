"""Words for availability and condition, as schema.org, feeds and shops write them."""

from __future__ import annotations

import re
from typing import Final

from scrapers.extract.record import Availability, Condition

PRICE_WORDS: Final = re.compile(
    r"price|preis|prix|precio|prezzo|preco|preço|cena(?![a-z])|hinta|pris(?![a-z]{2})|prijs|tsena|"
    r"fiyat|kaina|hind(?![a-z])|цена|价格|價格|価格|السعر",
    re.IGNORECASE,
)
"""The word for price in labels, and in the class names of those who write code in their tongue."""

_SCHEMA: Final = {
    "instock": Availability.IN_STOCK,
    "instoreonly": Availability.IN_STOCK,
    "onlineonly": Availability.IN_STOCK,
    "available": Availability.IN_STOCK,
    "availablefororder": Availability.IN_STOCK,
    "limitedavailability": Availability.LIMITED,
    "lowstock": Availability.LIMITED,
    "preorder": Availability.PRE_ORDER,
    "presale": Availability.PRE_ORDER,
    "backorder": Availability.BACK_ORDER,
    "madetoorder": Availability.BACK_ORDER,
    "outofstock": Availability.OUT_OF_STOCK,
    "oos": Availability.OUT_OF_STOCK,
    "soldout": Availability.OUT_OF_STOCK,
    "notavailable": Availability.OUT_OF_STOCK,
    "unavailable": Availability.OUT_OF_STOCK,
    "reserved": Availability.OUT_OF_STOCK,
    "discontinued": Availability.DISCONTINUED,
}

_GONE_WORDS: Final = re.compile(
    r"\b(?:out of stock|sold out|currently unavailable|not available|no longer available|"
    r"temporarily unavailable|ausverkauft|nicht (?:mehr )?verfügbar|nicht (?:mehr )?lieferbar|"
    r"actuellement indisponible|en rupture de stock|rupture de stock|épuisé|agotado|sin stock|"
    r"no disponible|esgotado|indisponível|non disponibile|esaurito|uitverkocht|niet leverbaar|"
    r"vypredané|vypredaný|vyprodáno|není skladem|nie je skladom|wyprzedane|niedostępny|"
    r"нет в наличии|распродано|закончился|slutsåld|slut i lager|udsolgt|utsolgt|loppuunmyyty|"
    r"läbi müüdud|elfogyott|stoc epuizat|tükendi)\b|"
    r"缺货|售罄|已售完|売り切れ|在庫切れ|품절|غير متوفر",
    re.IGNORECASE,
)
_BUY_WORDS: Final = re.compile(
    r"\b(?:add to (?:cart|basket|bag|trolley)|buy (?:it )?now|in den (?:warenkorb|einkaufswagen)|"
    r"ajouter au panier|acheter|añadir al? (?:carrito|cesta|carro)|agregar al (?:carro|carrito)|"
    r"comprar|adicionar ao (?:carrinho|cesto)|aggiungi al carrello|compralo subito|"
    r"in winkel(?:wagen|mandje)|do košíka|do košíku|do koszyka|в корзину|купить|"
    r"lägg i (?:varukorgen|kundvagnen)|læg i kurven|legg i handlekurv|lisa ostukorvi|"
    r"lisää (?:ostoskoriin|koriin)|kosárba|adaugă în coș|sepete ekle)\b|"
    r"加入购物车|加入購物車|立即购买|カートに入れる|장바구니|أضف إلى",
    re.IGNORECASE,
)
_STOCK_WORDS: Final = re.compile(
    r"\b(?:in stock|en stock|auf lager|sofort lieferbar|disponible|disponível|disponibile|skladom|"
    r"skladem|op voorraad|dostępny|в наличии|есть в наличии|i lager|på lager|varastossa)\b|"
    r"现货|在庫あり",
    re.IGNORECASE,
)


def availability_of(text: object) -> Availability | None:
    """Availability from a schema.org address, a feed word or a meta tag's content.

    `"https://schema.org/InStock"`, `"in stock"`, `"OUT_OF_STOCK"`; None for anything else.
    """
    if not isinstance(text, str):
        return None
    word = re.sub(r"[^a-z]", "", re.split(r"[/#]", text.strip())[-1].lower())
    return _SCHEMA.get(word)


def availability_in_words(text: str) -> Availability | None:
    """Availability from a sentence in one of the languages we know; a denial outweighs."""
    if _GONE_WORDS.search(text):
        return Availability.OUT_OF_STOCK
    if _BUY_WORDS.search(text) or _STOCK_WORDS.search(text):
        return Availability.IN_STOCK
    return None


def is_buy_button(text: str) -> bool:
    """Whether a control's label offers to put the product into the cart."""
    return len(text) <= 60 and bool(_BUY_WORDS.search(text))


def condition_of(text: object) -> Condition | None:
    """Condition from a schema.org address or a feed word."""
    if not isinstance(text, str):
        return None
    word = re.split(r"[/#]", text.strip())[-1].lower()
    if "refurb" in word:
        return Condition.REFURBISHED
    if "used" in word or "damaged" in word:
        return Condition.USED
    return Condition.NEW if word.startswith("new") else None
