"""Rule packs from files: those that are shipped, and those of the operator's own folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pricing.documents import Form, read_document
from pricing.errors import InvalidRulePack, NoRulesForMarket
from pricing.law.packs import RulePack, rule_pack


@dataclass(frozen=True, slots=True)
class RulePacks:
    """Rule packs of all jurisdictions and days.

    Attributes:
        packs: sorted by jurisdiction and first day.
    """

    packs: tuple[RulePack, ...]

    def at(self, jurisdiction: str, day: date) -> RulePack:
        """The rules that hold in a jurisdiction on a day.

        Raises:
            NoRulesForMarket: there is no such pack, or none is as old as that day.
        """
        versions = [pack for pack in self.packs if pack.jurisdiction == jurisdiction]
        if not versions:
            known = ", ".join(dict.fromkeys(pack.jurisdiction for pack in self.packs))
            raise NoRulesForMarket(f"there is no rule pack {jurisdiction!r}; there are {known}")
        held = [pack for pack in versions if pack.in_force_from <= day]
        if not held:
            raise NoRulesForMarket(
                f"the rules of {jurisdiction!r} begin on {versions[0].in_force_from}; "
                f"nothing is packed for {day}"
            )
        return held[-1]


def load_rule_packs(folder: Path | None = None) -> RulePacks:
    """The shipped packs and those of a folder; a file of the same jurisdiction and day wins.

    Args:
        folder: `.yaml` files of the operator, for instance packs that counsel has confirmed.

    Raises:
        InvalidRulePack: a file cannot be read or is incomplete; the message names it.
    """
    found = _read_all(item for item in (files("pricing") / "rule_packs").iterdir())
    if folder is not None:
        if not folder.is_dir():
            raise InvalidRulePack(f"{folder}: there is no such folder of rule packs")
        found |= _read_all(folder.iterdir())
    return RulePacks(tuple(found[key] for key in sorted(found)))


def _read_all(items: Iterable[Traversable]) -> dict[tuple[str, date], RulePack]:
    found: dict[tuple[str, date], RulePack] = {}
    for item in sorted(items, key=lambda entry: entry.name):
        if not item.name.endswith((".yaml", ".yml")):
            continue
        pack = _read(item)
        key = (pack.jurisdiction, pack.in_force_from)
        if key in found:
            raise InvalidRulePack(f"{item.name}: {key[0]} from {key[1]} is packed twice")
        found[key] = pack
    return found


def _read(item: Traversable) -> RulePack:
    try:
        text = item.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRulePack(f"cannot be read: {error}", source=item.name) from None
    document = read_document(text, item.name, form=Form.YAML, error=InvalidRulePack)
    with document.naming():
        return rule_pack(document.value)
