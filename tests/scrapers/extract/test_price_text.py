"""Price strings as shops print them, and machine values as they put them into data."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.extract import parse_machine_price, parse_price

# text, amount, currency
READ = [
    ("€12.99", "12.99", "EUR"),
    ("12,99 €", "12.99", "EUR"),
    ("1'299.-", "1299", None),
    ("CHF 1’299.50", "1299.50", "CHF"),
    ("€12⁹⁹", "12.99", "EUR"),
    ("35€99", "35.99", "EUR"),
    ("12,5 万円", "125000", "JPY"),
    ("１２９９円", "1299", "JPY"),
    ("١٢٫٥٠ ر.س", "12.50", "SAR"),
    ("KWD 24.990", "24.990", "KWD"),
    ("1.299,50 €", "1299.50", "EUR"),
    ("1.299 €", "1299", "EUR"),
    ("$1,299.00", "1299.00", None),
    ("US$1,299.00", "1299.00", "USD"),
    ("₹1,29,999.00", "129999.00", "INR"),
    ("1 299,00 Kč", "1299.00", "CZK"),
    ("44 890 тг.", "44890", "KZT"),
    ("R$ 1.299", "1299", "BRL"),
    ("1.299.000 ₫", "1299000", "VND"),
    ("€ 1.299,-", "1299", "EUR"),
    ("$.75", "0.75", None),
    ("-20% 12,00 €", "12.00", "EUR"),
    ("Save £5 £15", "15", "GBP"),
    ("12,99 € (1 kg = 24,99 €)", "12.99", "EUR"),
    ("3,99 € (3,99 € / 1 l)", "3.99", "EUR"),
    ("$20 $20", "20", None),
    ("99p", "0.99", "GBP"),
    ("75¢", "0.75", None),
    ("£1,299.00 inc VAT (£1,082.50 ex VAT)", "1299.00", "GBP"),
    ("1.299,00 € inkl. MwSt.", "1299.00", "EUR"),
    ("10,00 € zzgl. 4,99 € Versand", "10.00", "EUR"),
    ("$19.99 + $5 shipping", "19.99", None),
    ("US $12.50 / piece", "12.50", "USD"),
    ("1億2000万円", "120000000", "JPY"),
    ("1,5億円", "150000000", "JPY"),
    ("$10.00 - $10.00", "10.00", None),
    ("KD 1.250", "1.250", "KWD"),
    ("BHD 0.350", "0.350", "BHD"),
    ("Price - 12,99 €", "12.99", "EUR"),
    ("HT 100 € TTC 120 €", "120", "EUR"),
    ("100 € HT / 120 € TTC", "120", "EUR"),
    ("TTC 120 € HT 100 €", "120", "EUR"),
    ("Inkl. MwSt. 120 € (netto 100 €)", "120", "EUR"),
    ("£1,082.50 ex VAT £1,299.00 inc VAT", "1299.00", "GBP"),
    ("120 € incl. VAT, net 100 €", "120", "EUR"),
    ("121 Kč s DPH (100 Kč bez DPH)", "121", "CZK"),
    ("€5.00 net weight 500 g", "5.00", "EUR"),
    ("10,00 zzgl. 4,99 € Versand", "10.00", "EUR"),
]


@pytest.mark.parametrize(("text", "amount", "currency"), READ)
def test_a_price_is_read_as_a_customer_reads_it(
    text: str, amount: str, currency: str | None
) -> None:
    reading = parse_price(text)
    assert (reading.amount, reading.currency) == (Decimal(amount), currency)


# text, why there is no single price in it
REFUSED = [
    ("3 for $10", "several pieces"),
    ("2 x 24,99 €", "several pieces"),
    ("4x 24,99€", "instalment"),
    ("9,99 € / Monat", "instalment"),
    ("10,00 € - 20,00 €", "range"),
    ("€2,50/kg", "per unit"),
    ("2,49 €/100 g", "per unit"),
    ("12,50 € / 10 Stück", "per unit"),
    ("¥1,299起", "'from'"),
    ("120,00 € netto", "before tax"),
    ("0p", "no amount"),
    ("ab 19,99 €", "'from'"),
    ("from $10", "'from'"),
    ("12.99 $ 15.99 $", "several amounts"),
    ("was $20.00", "former"),
    ("0,00 €", "no amount"),
    ("Free", "no amount"),
    ("-5 €", "less than nothing"),
    ("−5,00 €", "less than nothing"),
    ("€-5", "less than nothing"),
    ("1,299.00.00", "two ways"),
    ("Buy 1 get 1", "several pieces"),
    ("", "no amount"),
    ("500 g", "no amount"),
    ("9" * 500, "too long"),
    ("12x $99 sin interés", "instalment"),
    ("6x £4.50", "instalment"),
    ("4,50 € × 6", "instalment"),
    ("3 cuotas de $ 9.990", "instalment"),
    ("10x de R$ 12,90 sem juros", "instalment"),
    ("12 meses sin intereses de $99", "instalment"),
    ("4 interest-free payments of $24.99", "instalment"),
    ("3 rate da 30 €", "instalment"),
    ("3 raty po 30 zł", "instalment"),
    ("12 splátek po 99 Kč", "instalment"),
    ("12 期 ¥99", "instalment"),
    ("¥99/期", "instalment"),
    ("月々 1,000円", "instalment"),
    ("2 pairs from $349", "'from'"),
    ("was $20, in 15 colours", "without the currency sign"),
    ("HT 100,00 €", "before tax"),
    ("Cena bez DPH: 100 Kč", "before tax"),
    ("100 Kč bez DPH", "before tax"),
    ("税抜 1,000円", "before tax"),
    ("1,000円(税抜)", "before tax"),
    ("不含税 100元", "before tax"),
    ("zzgl. MwSt. 100 €", "before tax"),
    ("100 € zzgl. 19 % MwSt.", "before tax"),
    ("ex VAT £100", "before tax"),
    ("£100 + VAT", "before tax"),
    ("netto 100 zł", "before tax"),
    ("IVA esclusa 100 €", "before tax"),
    ("100 € IVA esclusa", "before tax"),
    ("sin IVA: 100 €", "before tax"),
    ("100 kr exkl. moms", "before tax"),
    ("excl. BTW € 100", "before tax"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_text_that_is_no_price_of_one_piece_gives_no_amount_but_a_reason(
    text: str, reason: str
) -> None:
    reading = parse_price(text)
    assert reading.amount is None
    assert reason in reading.reason


@pytest.mark.parametrize(
    ("text", "now", "former"),
    [
        ("was £20 now £15", "15", "20"),
        ("Statt 20,00 € jetzt nur 15,00 €", "15.00", "20.00"),
        ("UVP 99,99 € 79,99 €", "79.99", "99.99"),
    ],
)
def test_a_former_price_beside_the_price_is_the_list_price(
    text: str, now: str, former: str
) -> None:
    reading = parse_price(text)
    assert (reading.amount, reading.list_amount) == (Decimal(now), Decimal(former))


def test_a_sign_of_several_countries_is_decided_by_the_currency_expected() -> None:
    assert parse_price("$5").currency is None
    assert parse_price("$5", currency="CAD").currency == "CAD"
    assert parse_price("US$5", currency="CAD").currency == "USD"
    assert parse_price("EUR 5", currency="CAD").currency == "EUR"


@given(
    whole=st.integers(1, 9_999_999),
    cents=st.integers(0, 99),
    style=st.sampled_from(["€{:,}.{:02}", "{:,}.{:02} EUR", "EUR {:,}.{:02}", "£{:,}.{:02}"]),
)
def test_a_price_printed_with_groups_and_two_decimals_is_read_back(
    whole: int, cents: int, style: str
) -> None:
    printed = style.format(whole, cents)
    expected = Decimal(whole) + Decimal(cents) / 100
    assert parse_price(printed).amount == expected
    continental = printed.translate(str.maketrans(",.", ".,"))
    assert parse_price(continental).amount == expected


@given(
    count=st.integers(2, 60),
    cents=st.integers(101, 9_999_999),
    sign=st.sampled_from(["€{}", "{} €", "£{}", "$ {}", "{} zł", "CHF {}", "R$ {}"]),
    words=st.sampled_from([
        "{n}x {p}", "{n} x {p}", "{n} cuotas de {p}", "{n} pairs from {p}", "{p} x {n}",
        "{n} Raten zu je {p}", "{n} colours {p}", "{p} in {n} sizes", "{n} rate da {p}",
        "was {p} {n} left", "{n} months of {p}", "pay {n} times {p}", "only {n} left, {p} now",
    ]),
)  # fmt: skip
def test_a_bare_number_is_never_the_price_where_another_carries_the_sign(
    count: int, cents: int, sign: str, words: str
) -> None:
    price = f"{cents // 100}.{cents % 100:02}"
    reading = parse_price(words.format(n=count, p=sign.format(price)))
    assert reading.amount in (None, Decimal(price))


NET_WORDS = [
    "HT", "bez DPH", "税抜", "zzgl. MwSt.", "ex VAT", "netto", "excl. btw", "sin IVA", "+ VAT",
    "senza IVA", "без НДС", "exkl. moms", "ohne MwSt.", "hors taxes", "excluding tax", "未税",
    "plus VAT", "exc GST", "IVA esclusa", "bez VAT", "税別", "sem IVA", "áfa nélkül",
]  # fmt: skip


@given(
    cents=st.integers(1, 9_999_999),
    sign=st.sampled_from(["€{}", "{} €", "£{}", "$ {}", "{} zł", "{} Kč", "CHF {}"]),
    word=st.sampled_from(NET_WORDS),
    words=st.sampled_from(["{w} {p}", "{p} {w}", "{p} ({w})", "{w}: {p}", "Preis {p}, {w}"]),
)
def test_a_price_that_is_called_net_is_taken_only_where_net_prices_are_wanted(
    cents: int, sign: str, word: str, words: str
) -> None:
    price = f"{cents // 100}.{cents % 100:02}"
    text = words.format(w=word, p=sign.format(price))
    read, wanted = parse_price(text), parse_price(text, before_tax=True)
    assert (read.amount, read.net) == (None, (Decimal(price),))
    assert wanted.amount == Decimal(price)


@given(st.text(max_size=120))
def test_any_text_gives_a_positive_amount_or_a_reason(text: str) -> None:
    reading = parse_price(text)
    assert (reading.amount is None) == bool(reading.reason)
    assert reading.amount is None or reading.amount > 0


# value, amount where nothing is known of the currency
MACHINE: list[tuple[object, str | None]] = [
    ("1299.00", "1299.00"),
    (1299, "1299"),
    (12.5, "12.5"),
    ("1299.0000", "1299.0000"),
    ("1,299.00", "1299.00"),
    ("12,99", "12.99"),
    ("$24.99", "24.99"),
    ("499€\n499€\n499", "499"),
    ("71,91 €\n79,90 €", None),
    ("109\n99", None),
    ("12 99", None),
    ("1 299,00", "1299.00"),
    ("1.299", None),
    ("19.990", None),
    ("NaN", None),
    ("-5", None),
    (0, None),
    ("abc", None),
    ("1e5", None),
    (None, None),
    (True, None),
    ([1], None),
    (float("inf"), None),
    ("99999999999999999999", None),
]


@pytest.mark.parametrize(("value", "amount"), MACHINE)
def test_a_machine_value_has_the_point_as_its_decimal_mark(
    value: object, amount: str | None
) -> None:
    assert parse_machine_price(value) == (None if amount is None else Decimal(amount))


def test_three_digits_after_the_point_mean_what_the_currency_makes_of_them() -> None:
    assert parse_machine_price("24.990", currency="KWD") == Decimal("24.990")
    assert parse_machine_price("24.990", currency="CLP") == 24990
    assert parse_machine_price("24.990", currency="EUR") is None


# A number right behind a letter of a script that is written without spaces.
GLUED = [
    ("本体価格1,800円(税込1,980円)", "1980", "JPY", None),
    ("税抜1,800円税込1,980円", "1980", "JPY", None),
    ("価格1980円送料500円", "1980", "JPY", None),
    ("定価2,000円→1,500円", "1500", "JPY", "2000"),
    ("セール価格980円", "980", "JPY", None),
    ("ポイント100円分 1,980円", "1980", "JPY", None),
    ("现价99元原价199元", "99", None, "199"),
    ("小米14手机3999元", "3999", None, None),
    ("型号A100价格129元", "129", None, None),
    ("每件129元", "129", None, None),
    ("가격129,000원", "129000", "KRW", None),
    ("ราคา129บาท", "129", None, None),
]
NOT_THE_PRICE = [
    "满300元减50元", "送料500円", "月付129元", "会员价119元", "售价129元起", "价格129元/kg",
    "共12件129元", "月々1,000円×12回", "商品编号100012345", "第3代耳机",
    "クーポン500円", "券后减20元", "销量1000",
]  # fmt: skip


@pytest.mark.parametrize(("text", "amount", "currency", "former"), GLUED)
def test_a_number_right_behind_a_han_or_kana_is_read(
    text: str, amount: str, currency: str | None, former: str | None
) -> None:
    reading = parse_price(text)
    assert (reading.amount, reading.currency) == (Decimal(amount), currency), reading.reason
    assert reading.list_amount == (None if former is None else Decimal(former))


@pytest.mark.parametrize("text", NOT_THE_PRICE)
def test_a_threshold_a_saving_or_part_of_a_name_is_no_price(text: str) -> None:
    assert parse_price(text).amount is None


@given(
    label=st.sampled_from(["价格", "售价", "税込", "販売価格", "现价", "特價", "仅售", "只要"]),
    gap=st.sampled_from(["", " ", ":", "\uff1a", "\n", " \u3000", "\uff1a "]),
    written=st.sampled_from([("129.00", "129.00"), ("1,980", "1980"), ("\uff11\uff19", "19"),
                             ("1299", "1299"), ("12,999.50", "12999.50")]),
    sign=st.sampled_from(["元", "円", " 元", "(含税)", ""]),
    tail=st.sampled_from(["", " 包邮", "\u3002", " 送料500円", "(共3件)"]),
)  # fmt: skip
def test_a_label_may_stand_right_before_its_price_in_any_layout(
    label: str, gap: str, written: tuple[str, str], sign: str, tail: str
) -> None:
    if not sign and tail[:1] == "(":
        tail = ""
    reading = parse_price(f"{label}{gap}{written[0]}{sign}{tail}")
    assert reading.amount == Decimal(written[1]), (reading.reason, reading.amounts)
