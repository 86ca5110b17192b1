"""What a title says beside its words: pack, model codes, colour, measures."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pack:
    """Contents of a pack in a base unit.

    Attributes:
        amount: total of all pieces; 6 x 330 ml is 1980.
        unit: `g`, `ml`, `m` or `piece`.
    """

    amount: float
    unit: str

    def same(self, other: Pack) -> bool:
        """Equal contents, up to what rounding on a label explains (1 %)."""
        return self.unit == other.unit and math.isclose(self.amount, other.amount, rel_tol=0.01)


_UNITS: Final[dict[str, tuple[float, str]]] = {
    "kg": (1000.0, "g"), "g": (1.0, "g"), "gr": (1.0, "g"), "gram": (1.0, "g"),
    "grams": (1.0, "g"), "mg": (0.001, "g"), "lb": (453.592, "g"), "oz": (28.3495, "g"),
    "l": (1000.0, "ml"), "lt": (1000.0, "ml"), "ltr": (1000.0, "ml"), "litre": (1000.0, "ml"),
    "liter": (1000.0, "ml"), "dl": (100.0, "ml"), "cl": (10.0, "ml"), "ml": (1.0, "ml"),
    "m": (1.0, "m"), "cm": (0.01, "m"), "mm": (0.001, "m"),
    "pcs": (1.0, "piece"), "pc": (1.0, "piece"), "piece": (1.0, "piece"),
    "pieces": (1.0, "piece"), "stk": (1.0, "piece"), "stück": (1.0, "piece"),
    "pack": (1.0, "piece"), "tabs": (1.0, "piece"), "capsules": (1.0, "piece"),
    "tablets": (1.0, "piece"), "sheets": (1.0, "piece"), "count": (1.0, "piece"),
    "ct": (1.0, "piece"), "bags": (1.0, "piece"), "teabags": (1.0, "piece"),
    "washes": (1.0, "piece"), "rolls": (1.0, "piece"), "wipes": (1.0, "piece"),
    "pads": (1.0, "piece"), "pods": (1.0, "piece"),
}  # fmt: skip
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_PACK = re.compile(
    rf"(?:(?P<times>\d{{1,3}})\s*[x×*]\s*)?(?P<size>\d+(?:[.,]\d+)?)\s*-?(?P<unit>{_UNIT})\b"
    r"(?:\s*[x×*]\s*(?P<after>\d{1,3})\b|\s*\(?(?P<er>\d{1,3})[ -]?(?:er\b|pack\b))?",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\b(\d+)([^\W\d_]{4,})\b")
_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)*")
_MEASURE = re.compile(
    r"\d+(?:x\d+)*(?:gb|mb|tb|ghz|mhz|hz|mp|mm|cm|in|ft|w|v|mah|watt|btu|p|i|x|inch|oz|ml|kg|g|l|"
    r"channel|port|bit|pack|disc|lb|dpi|rpm|ms|kb|quart|qt|cuft|db|hr|min|pcs|er|k)?"
)
_PLAIN_NUMBER = re.compile(r"1080|2160|1440|19\d\d|20[0-4]\d|802\d*")
_SIZED = re.compile(
    r"(?<![\w.,])(\d+(?:[.,]\d+)?)\s?-?("
    r"'|\"|″|”|inch(?:es)?|zoll|gb|tb|mp|megapixels?|watts?|w|mah|ghz|btu|ports?|discs?|cu\.?\s?ft)"
    r"(?![a-z])"
)
_SIZE_WORDS: Final = {
    "'": "inch", '"': "inch", "″": "inch", "”": "inch", "inches": "inch", "zoll": "inch",
    "megapixel": "mp", "megapixels": "mp", "watts": "w", "watt": "w", "ports": "port",
    "discs": "disc",
}  # fmt: skip
_COLOURS: Final = {
    "black": "black", "schwarz": "black", "noir": "black", "negro": "black", "nero": "black",
    "white": "white", "weiss": "white", "weiß": "white", "blanc": "white", "blanco": "white",
    "silver": "silver", "silber": "silver", "red": "red", "rot": "red", "rouge": "red",
    "rojo": "red", "blue": "blue", "blau": "blue", "bleu": "blue", "azul": "blue",
    "green": "green", "grün": "green", "vert": "green", "verde": "green", "pink": "pink",
    "rosa": "pink", "purple": "purple", "lila": "purple", "violet": "purple", "yellow": "yellow",
    "gelb": "yellow", "jaune": "yellow", "orange": "orange", "brown": "brown", "braun": "brown",
    "beige": "beige", "gold": "gold", "grey": "grey", "gray": "grey", "grau": "grey",
    "titanium": "titanium", "bronze": "bronze", "bisque": "bisque", "almond": "almond",
    "黑色": "black", "白色": "white", "红色": "red", "蓝色": "blue",
}  # fmt: skip


def folded(text: str) -> str:
    """Lower case without accents; a count and its word stand apart (`20bags`, `4k` does not)."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return _COUNTED.sub(r"\1 \2", plain)


def compact(text: str) -> str:
    """Letters and digits alone: in it `KX-TS3282B` and `KX TS3282B` are the same."""
    return "".join(_WORD.findall(text))


def words_of(text: str) -> list[str]:
    """Words of a title, accents folded, packs brought to one spelling (`330 ml` = `33cl`)."""

    def spelled(match: re.Match[str]) -> str:
        pack = _pack(match)
        return f" {pack.amount:g}{pack.unit} ".replace(".", "p")

    return _WORD.findall(_PACK.sub(spelled, folded(text)))


def model_codes(text: str) -> frozenset[str]:
    """Words that look like a maker's number: letters with digits, or a long number.

    Measures (`500gb`), resolutions and years are none.
    """
    found = set()
    for token in _TOKEN.findall(_PACK.sub(" ", folded(text))):
        code = compact(token)
        if len(code) < 4 or not any(c.isdigit() for c in code) or _PLAIN_NUMBER.fullmatch(code):
            continue
        if code.isdigit() or not _MEASURE.fullmatch(code):
            found.add(code)
    return frozenset(found)


def colours_of(text: str) -> frozenset[str]:
    """Colours that a title names, in English."""
    return frozenset(_COLOURS[w] for w in _WORD.findall(text.casefold()) if w in _COLOURS)


def sizes_of(text: str) -> dict[str, frozenset[float]]:
    """Measures that tell versions apart, by unit: `{"inch": {52}, "gb": {500}}`."""
    found: dict[str, set[float]] = {}
    for number, unit in _SIZED.findall(text.casefold()):
        name = _SIZE_WORDS.get(unit, unit)
        found.setdefault(name, set()).add(float(number.replace(",", ".")))
    return {unit: frozenset(values) for unit, values in found.items()}


def pack_of(text: str) -> Pack | None:
    """The pack that a title names: `"6 x 330 ml"`, `"1,5 L"`, `"500g"`, `"330 ml x 6"`.

    None where it names none, or two that differ.
    """
    named = (_pack(match) for match in _PACK.finditer(text))
    found = [pack for pack in named if pack.unit != "m"]  # a length is a size, not a content
    if not found:
        return None
    return found[0] if all(pack.same(found[0]) for pack in found) else None


def pack_from(size: float | None, unit: str | None) -> Pack | None:
    """A pack from the two columns of a catalogue; None where they say nothing we know."""
    if not size or (unit or "").lower() not in _UNITS:
        return None
    factor, base = _UNITS[(unit or "").lower()]
    return Pack(size * factor, base)


def _pack(match: re.Match[str]) -> Pack:
    factor, unit = _UNITS[match["unit"].lower()]
    times = match["times"] or match["after"] or match["er"] or "1"
    return Pack(int(times) * float(match["size"].replace(",", ".")) * factor, unit)
