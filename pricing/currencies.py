"""ISO 4217: the currencies in use and how many decimals each has."""

from __future__ import annotations

from typing import Final

from pricing.errors import UnknownCurrency

_CODES_BY_DECIMALS: Final = {
    0: ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN "
        "BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD "
        "FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW "
        "KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR "
        "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG "
        "SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD "
        "USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
    ),
    3: ("BHD IQD JOD KWD LYD OMR TND"),
    4: ("CLF UYW"),
}

DECIMALS: Final[dict[str, int]] = {
    code: decimals for decimals, codes in _CODES_BY_DECIMALS.items() for code in codes.split()
}
"""Minor-unit digits by currency code (ISO 4217 list one; funds, metals and test codes left out)."""


def decimals(code: str) -> int:
    """Digits after the decimal point in amounts of this currency.

    Raises:
        UnknownCurrency: `code` is not an upper-case ISO 4217 code in use.
    """
    try:
        return DECIMALS[code]
    except KeyError:
        raise UnknownCurrency(
            f"currency {code!r} is not an ISO 4217 code in use; write it like 'EUR' or 'CNY'"
        ) from None


def estimate_text(major: float, currency: str, *, grouped: bool = False) -> str:
    """An expected amount as a decimal text with the currency's decimals: 12 yens, 12.30 euros.

    `grouped` sets thousands apart with commas, for people.
    """
    comma = "," if grouped else ""
    return f"{major:{comma}.{decimals(currency)}f}"
