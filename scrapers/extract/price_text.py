"""Price strings: from what a shop prints to one exact amount, or the reason why not.

Number syntax (which mark is the decimal one) and the list of currency words are price-parser's;
around it stands what a bare number parser gets wrong: text with more than one amount, amounts that
are not the price of one piece, digits of other scripts, and raised cents.
"""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Final

from price_parser.parser import parse_number

from pricing.currencies import DECIMALS
from scrapers.extract.currency_signs import carriers, currency_code, signs_in, without_signs
from scrapers.extract.instalment_words import is_one_of_several
from scrapers.extract.tax_words import TaxWords

LARGEST: Final = Decimal(10) ** 10
"""No price is larger; a longer number is an article number that strayed in."""


@dataclass(frozen=True, slots=True)
class PriceReading:
    """What a price string says.

    Attributes:
        amount: price of one piece in major units; None where the text does not say one.
        currency: ISO 4217, or None where the text names none (or a sign of several countries).
        list_amount: the former price, where the text gives both.
        reason: why `amount` is None; empty otherwise.
        amounts: every amount seen, in order.
        net: those of them that the text calls net.
    """

    amount: Decimal | None = None
    currency: str | None = None
    list_amount: Decimal | None = None
    reason: str = ""
    amounts: tuple[Decimal, ...] = ()
    net: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Current:
    """An amount that may be what one piece costs now.

    Attributes:
        now: a word beside it says that it is the one that holds.
        signed: it carries a currency sign.
    """

    amount: Decimal
    now: bool
    signed: bool


_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_RAISED_CENTS = re.compile(r"(?<=\d)([⁰¹²³⁴⁵⁶⁷⁸⁹]{2})(?![⁰¹²³⁴⁵⁶⁷⁸⁹])")
_ARABIC_MARKS = str.maketrans({"٫": ".", "٬": ",", "،": ",", "’": "'", "ʼ": "'", "´": "'"})
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060\u00ad]")
_ROUND = re.compile(r"(?<=\d)[.,]\s?-{1,2}(?!\d)")  # "1299.-" and "12,--": no cents

_UNSPACED: Final = r"\u0e00-\u0e7f\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
"""Letters of scripts that put a number right behind a word: Thai, kana, Han, Hangul."""
_NUMBER = re.compile(
    rf"""(?<![.,])(?<![^\W{_UNSPACED}])-?(?:
        \d{{1,3}}(?:'\d{{3}})+(?:[.,]\d{{1,2}})?(?!\d)      # 1'299.50
      | \d{{1,3}}(?:[ ]\d{{3}})+(?:[.,]\d{{1,4}})?(?![\d])  # 1 299,50
      | \d{{1,3}}(?:[.]\d{{3}})+(?:,\d{{1,4}})?(?!\d)       # 1.299,50
      | \d{{1,3}}(?:,\d{{3}})+(?:[.]\d{{1,4}})?(?!\d)       # 1,299.50
      | \d{{1,2}}(?:,\d{{2}})+,\d{{3}}(?:[.]\d{{1,2}})?(?!\d) # 1,29,999.00 (lakh)
      | \d+(?:[.,]\d+)?                                   # 1299 12.5 12,5
      | [.]\d{{1,2}}                                        # .75
    )""",
    re.VERBOSE,
)
_GLUED: Final = re.compile(rf"[{_UNSPACED}]$")
_PRICE_BEFORE: Final = re.compile(
    r"(?:[价價]|价格|價格|価格|値段|税込|税込み|税抜|税別|本体|セール|定価|仅售|只要|가격|판매가|할인가|정가|ราคา)$"
)
"""Words right behind which even a bare number is an amount; behind others it is part of a name."""
_ON_CONDITION: Final = re.compile(
    r"(?:[满滿减減返抵送赠贈省券]|会员价|會員價|会員価格|割引|値引き?|お得|クーポン|ポイント|还款|首付|定金|订金|"
    r"月付|每月|毎月|月々|回払い|分割|送料|配送料|邮费|郵費|運費|运费|배송비|적립|쿠폰|ส่วนลด|ค่าส่ง)(?:[约約]|แค่)?$"
)
"""What right before an amount makes it a threshold, a saving, a share or the cost of delivery."""
_MORE_DIGITS: Final = re.compile(r"[.,]\d")  # a number that does not end where it should
_EURO_AS_MARK = re.compile(r"(?<![\d€£$])(\d{1,3}(?:[ .]?\d{3})*)(€|£|\$)(\d{2})(?!\d|[.,]\d)")
_MYRIADS: Final = re.compile(r"(\d[\d,.]*)\s?[億亿]\s?(\d[\d,.]*)\s?万")
_MULTIPLIERS: Final = {"万": Decimal(10_000), "億": Decimal(10) ** 8, "亿": Decimal(10) ** 8}

# What stands before or after an amount and makes it something else than the price of one piece.
_FROM_BEFORE = re.compile(
    r"(?:^|[^\w])(?:from|ab|à partir de|a partire da|desde|a partir de|vanaf|od|fra|från|от|"
    r"starting at|starts at|as low as|alkaen|alk\.)\s*:?\s*\W{0,2}$",
    re.IGNORECASE,
)
_FROM_AFTER = re.compile(r"^\s*(?:\D{0,3}\s*)?(?:起|から|～|~)")
_MEASURES: Final = r"kg|g|gr|mg|lb|oz|ml|cl|dl|l|lt|ltr|litre|liter|m|m2|m3|cm|mm|kilo"
_PIECES: Final = r"stk|st|stück|piece|pcs?|ud|unit|unité|each|шт|db|ks"
_UNITS: Final = rf"(?:{_MEASURES}|{_PIECES})"
_UNIT_AFTER = re.compile(  # "/ piece" is the price of one, "/ 10 pieces" is not
    r"^\s*(?:\D{0,4}?)\s*(?:/|per\b|pro\b|je\b|par\b|al\b|por\b|za\b|p\.)\s*"
    rf"(?:(?:\d+[.,]?\d*\s*)?(?:{_MEASURES})|(?!1\s*(?:{_PIECES}))\d+\s*(?:{_PIECES}))\b",
    re.IGNORECASE,
)
_UNIT_BEFORE = re.compile(rf"\d\s?{_UNITS}\s?[=:]\W{{0,3}}$", re.IGNORECASE)
_SIZE_AFTER = re.compile(rf"\s?(?:{_UNITS}\b|x\s?\d|×|er\b)", re.IGNORECASE)
_TERM_AFTER = re.compile(
    r"^\s*[^\d,;.(]{0,6}?\s*(?:/|per|a|pro|par|al|por|im|na|в|x)?\s*(?:mo\b|month|monat|mois|mes\b|mese|"
    r"mês|maand|měs|mies|мес|week|woche|year|jahr|年|月)",
    re.IGNORECASE,
)
_MULTIBUY = re.compile(
    r"\bbuy\s+\d+\W{1,3}get\s+\d|"
    rf"(?<![.,])(?<![^\W{_UNSPACED}])\d{{1,2}}\s*(?:for|für|pour|per|por|za|за|voor|/|件)\s*(?=[^\d\s]{{0,4}}\s*\d)",
    re.IGNORECASE,
)
_WAS_BEFORE = re.compile(
    r"(?:was|before|statt|uvp|rrp|msrp|list price|list|regular price|regular|old price|instead of|"
    r"au lieu de|antes|prima|precio anterior|tidligere|før|förr|ord\.?|ordinarie|původně|bylo|"
    r"prije|vorher|eerst|van|原价|原價|定价|市场价|定価|通常価格|"
    r"compare at|reg\.?)\s*:?\s*\W{0,4}$",
    re.IGNORECASE,
)
_NOW_BEFORE = re.compile(
    r"(?:now|only|sale|special|jetzt|nur|maintenant|ahora|adesso|agora|nu|nyní|teď|teraz|"
    r"current|your price|price|现价|特价|現在|セール)\s*:?\s*\W{0,4}$",
    re.IGNORECASE,
)
_SAVING_BEFORE = re.compile(
    r"(?:save|you save|saving|savings|off|rabatt|sie sparen|sparen|économisez|ahorra|ahorras|"
    r"risparmi|spar|discount|zľava|sleva|立减|優惠|优惠|省|减)\s*:?\s*\W{0,4}$",
    re.IGNORECASE,
)
_SHIPPING_BEFORE = re.compile(
    r"(?:shipping|delivery|postage|versand|livraison|envío|envio|spedizione|doprava|доставка|运费)"
    r"\s*:?\s*\W{0,4}$",
    re.IGNORECASE,
)
_CENTS_ONLY = re.compile(r"^(\d{1,2})\s?(?:¢|p)$")
_SHIPPING_AFTER = re.compile(
    r"^\s*(?:for |de |für )?(?:shipping|delivery|postage|p&p|versand|livraison|envío|envio|"
    r"spedizione|doprava|доставка|运费)",
    re.IGNORECASE,
)
_RANGE_BETWEEN = re.compile(
    r"^[^\d\w]{0,3}\s*(?:-|to|bis|à|až|до|～|~)\s*[^\d\w]{0,3}$", re.IGNORECASE
)


def normalise(text: str) -> str:
    """Price text in one spelling: ASCII digits and marks, single spaces, raised cents as `.99`."""
    text = _RAISED_CENTS.sub(lambda found: "." + found[1].translate(_RAISED), text)
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_ARABIC_MARKS)
    text = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in text)
    text = _DASHES.sub("-", text)
    return " ".join(_ROUND.sub(" ", text).split())


def parse_price(
    text: str,
    *,
    currency: str | None = None,
    decimal_mark: str | None = None,
    before_tax: bool = False,
) -> PriceReading:
    """Read a price as a shop prints it.

    Args:
        text: `"€12⁹⁹"`, `"1'299.-"`, `"12,5 万円"`, `"was £20 now £15"`, `"KWD 24.990"`, ...
        currency: the ISO 4217 code expected on this page; decides shared signs (`$`, `kr`) and how
            many decimals are usual. A currency that the text itself names wins.
        decimal_mark: `"."` or `","` where it is known; otherwise it is read from the text.
        before_tax: an amount that the text calls net is taken, too; otherwise it is none.

    Returns:
        A reading. Text that names no amount, several amounts without saying which holds, a range, a
        "from" price, an instalment, a price per unit of measure or for several pieces gives
        `amount=None` and the `reason`: the caller says nothing rather than something false.
    """
    clean = normalise(text)
    if len(clean) > 400:
        return PriceReading(reason="text too long to be a price")
    code = _currency_in(clean, prefer=currency)
    if coins := _CENTS_ONLY.match(clean):
        return _coins(int(coins[1]), "GBP" if clean.endswith("p") else code)
    clean = _MYRIADS.sub(_from_myriads, clean)
    clean = _EURO_AS_MARK.sub(lambda found: f"{found[1]},{found[3]} {found[2]}", clean)
    spans = list(_NUMBER.finditer(clean))
    amounts, current, former, net = [], [], [], []
    reasons = []
    signed = carriers(clean, [span.span() for span in spans])
    carried = False
    tax = TaxWords(clean)
    for span, carries in zip(spans, signed, strict=True):
        before, after = clean[: span.start()], clean[span.end() :]
        if _is_no_amount(before, after, signed=carries is True):
            continue
        amount = _number(span[0], after, code or currency, decimal_mark)
        if isinstance(amount, str):
            reasons.append(amount)
            continue
        amounts.append(amount)
        without_tax = tax.call_net(*span.span())
        bare = without_signs(before).rstrip()
        if _beside_the_price(bare, after):
            continue
        carried = carried or carries is not False
        net += [amount] * without_tax
        why = _not_one_piece(bare, after, net=without_tax and not before_tax)
        if why:
            reasons.append(why)
        elif _WAS_BEFORE.search(bare):
            former.append(amount)
        else:
            now = bool(_NOW_BEFORE.search(bare))
            current.append(_Current(amount, now=now, signed=carries is True))
    if _MULTIBUY.search(clean):
        return _none(code, "price for several pieces", amounts)
    if len(set(amounts)) > 1 and _is_range(clean, spans):
        return _none(code, "a range of prices", amounts)
    if carried:
        current, reasons = _without_counts(current, reasons)
    return replace(_conclude(code, amounts, current, former, reasons), net=tuple(net))


def _is_no_amount(before: str, after: str, *, signed: bool) -> bool:
    """Whether a number is a share, a size, part of a name, or a sum that is no price."""
    if after.lstrip().startswith("%") or _SIZE_AFTER.match(after):
        return True
    if not _GLUED.search(before):
        return False
    said = signed or _PRICE_BEFORE.search(before) or _WAS_BEFORE.search(before)
    return not said or _ON_CONDITION.search(before) is not None


def _number(text: str, after: str, code: str | None, decimal_mark: str | None) -> Decimal | str:
    """A number as an amount, or why it is none."""
    if text.startswith("-"):
        return f"{text!r} is less than nothing: a discount"
    amount = _amount(text, code, decimal_mark)
    if amount is None or _MORE_DIGITS.match(after):
        return f"{text!r} can be read in two ways"
    return amount * _MULTIPLIERS.get(after.lstrip()[:1], 1)


def _is_range(text: str, spans: list[re.Match[str]]) -> bool:
    return any(
        _RANGE_BETWEEN.match(without_signs(text[a.end() : b.start()]))
        for a, b in itertools.pairwise(spans)
    )


def _without_counts(
    current: list[_Current], reasons: list[str]
) -> tuple[list[_Current], list[str]]:
    """Where one number carries the currency sign, a bare one is a count: `12x $99`.

    Beside a price that carries it, a bare number still is a doubt: `19 99 €`.
    """
    if not any(entry.signed for entry in current):
        return [], [*reasons, "only a number without the currency sign"] if current else reasons
    return [replace(entry, now=entry.now and entry.signed) for entry in current], reasons


def _from_myriads(found: re.Match[str]) -> str:
    """`1億2000万` as one number."""
    parts = (parse_number(found[1]), parse_number(found[2]))
    if parts[0] is None or parts[1] is None:
        return found[0]
    return f"{parts[0] * 10**8 + parts[1] * 10**4:f}"


def parse_machine_price(value: object, *, currency: str | None = None) -> Decimal | None:
    """The amount in a value made for machines, where `.` is the decimal mark and nothing else.

    Shops break that rule; `"1,299.00"` and `"12,99"` are read because they can mean one thing only.
    `"1.299"` in a currency with two decimals can not be told from 1299 and gives None, as do
    zero, negative and non-finite values and text.

    Args:
        value: a JSON number or string, or an attribute's text.
        currency: ISO 4217 if known; tells how many decimals are usual.
    """
    if isinstance(value, bool) or value is None:
        return None
    text = normalise(str(value))
    code = currency or _currency_in(text, prefer=None)
    if len(signs_in(text)) > 1:
        return parse_price(str(value), currency=currency).amount
    text = without_signs(text).strip()
    if not re.fullmatch(r"\d[\d.,' ]*|\.\d+", text):
        return None
    if " " in text and not re.fullmatch(r"\d{1,3}(?: \d{3})+(?:[.,]\d{1,4})?", text):
        return None  # two numbers, or cents that lost their mark
    if isinstance(value, int | float):
        amount = _decimal(text)
    elif re.fullmatch(r"\d+\.\d{3}", text):
        amount = _three_places(text, code)
    elif re.fullmatch(r"\d*\.?\d+", text):
        amount = _decimal(text)
    else:
        amount = _amount(text, code, None)
    return amount if amount is not None and 0 < amount < LARGEST else None


def _three_places(text: str, code: str | None) -> Decimal | None:
    """`24.990` is a fraction in dinars, thousands in pesos, and in euros we can not know."""
    match DECIMALS.get(code or ""):
        case 3:
            return _decimal(text)
        case 0:
            return _decimal(text.replace(".", ""))
        case _:
            whole, _, digits = text.partition(".")
            if digits == "000" and len(whole) > 3:
                return _decimal(text)
            return None


def _amount(text: str, code: str | None, decimal_mark: str | None) -> Decimal | None:
    """One number token as an amount; None where its one mark may be decimal or grouping."""
    text = text.replace("'", "").replace(" ", "").lstrip("-")
    usual = DECIMALS.get(code or "", 2)
    if usual == 3 and re.fullmatch(r"\d+[.,]\d{3}", text):
        return _decimal(text.replace(",", "."))
    if decimal_mark is None and re.fullmatch(r"0[.,]\d{3,}", text):
        return _decimal(text.replace(",", "."))
    amount = parse_number(text, decimal_mark)
    return amount if amount is not None and amount < LARGEST else None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _currency_in(text: str, *, prefer: str | None) -> str | None:
    """The currency that the text names: a code before a sign, `US$` before `$`."""
    signs = signs_in(text)
    if signs and signs[0] in DECIMALS:
        return signs[0]
    codes = {currency_code(sign, prefer=prefer) for sign in signs} - {None}
    return codes.pop() if len(codes) == 1 else None


def _coins(count: int, code: str | None) -> PriceReading:
    """`99¢`, `85p`: less than one unit of a currency with hundredths."""
    if count == 0:
        return _none(code, "no amount", [])
    amount = Decimal(count) / 100
    return PriceReading(amount, code, amounts=(amount,))


def _beside_the_price(before: str, after: str) -> bool:
    """Whether the words around an amount say that it is a saving or the cost of delivery."""
    return bool(
        _SAVING_BEFORE.search(before)
        or _SHIPPING_BEFORE.search(before)
        or _SHIPPING_AFTER.match(without_signs(after))
    )


def _not_one_piece(before: str, after: str, *, net: bool) -> str:
    """Why this amount is not what one piece costs now; empty if it may be."""
    if is_one_of_several(before, without_signs(after)):
        return "an instalment or a price for several pieces"
    if _UNIT_AFTER.match(after) or _UNIT_BEFORE.search(before):
        return "a price per unit of measure"
    if _TERM_AFTER.match(after):
        return "an instalment"
    if net:
        return "a price before tax"
    if _FROM_BEFORE.search(before) or _FROM_AFTER.match(after):
        return "a 'from' price"
    return ""


def _conclude(
    code: str | None,
    amounts: list[Decimal],
    current: list[_Current],
    former: list[Decimal],
    reasons: list[str],
) -> PriceReading:
    """One amount if the text leaves one."""
    distinct = {entry.amount for entry in current if entry.amount > 0}
    if len(distinct) > 1:
        said_now = {entry.amount for entry in current if entry.now and entry.amount > 0}
        if len(said_now) != 1:
            return _none(code, "several amounts and no word which one holds", amounts)
        former = former + sorted(distinct - said_now)
        distinct = said_now
    if not distinct:
        nothing = "only a former price" if former else "no amount"
        return _none(code, (reasons or [nothing])[0], amounts)
    amount = distinct.pop()
    above = [value for value in former if value > amount]
    return PriceReading(
        amount=amount,
        currency=code,
        list_amount=max(above) if above else None,
        amounts=tuple(amounts),
    )


def _none(code: str | None, reason: str, amounts: list[Decimal]) -> PriceReading:
    return PriceReading(currency=code, reason=reason, amounts=tuple(amounts))
