"""The rules file of a pricing manager, in YAML: what it says, and where it says what cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import yaml
from sqlalchemy.engine import Connection

from pricing.errors import InvalidStrategy
from pricing.policy import PricingPolicy
from pricing.rules import PricingRules, rules_of
from storage.markets import list_markets

_MOST_BYTES: Final = 4_000_000


def read_rules(path: Path) -> PricingRules:
    """Read a rules file.

    Raises:
        InvalidStrategy: the file cannot be read, is no YAML, is empty, or says what cannot be
            meant; the message names the line and the field.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidStrategy(f"{path}: larger than {_MOST_BYTES:,} bytes; split it by market")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidStrategy(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidStrategy(f"{path}: not UTF-8 text ({error.reason})") from error
    try:
        node = _tree(text, path)
        return rules_of(yaml.safe_load(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else "?"
        raise InvalidStrategy(f"{path}, line {line}: no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InvalidStrategy(f"{path}: no YAML: {error}") from error
    except InvalidStrategy as error:
        if not error.place:
            raise
        line = _line_of(node, error.place)
        raise InvalidStrategy(f"{path}, line {line}: {error}", error.place) from None


def policy_of(rules: PricingRules, conn: Connection) -> PricingPolicy:
    """The policy of these rules, with price endings in the coins of the stored markets.

    Raises:
        InvalidStrategy: endings for a market that there is not, or of no whole coins.
    """
    currencies = {market.code: market.currency for market in list_markets(conn)}
    endings = {**rules.policy.endings, **rules.endings_in(currencies)}
    return replace(rules.policy, endings=endings)


def _tree(text: str, path: Path) -> yaml.Node:
    """The document with the places of its entries."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        raise InvalidStrategy(
            f"{path}: is empty; write at least one section, such as `strategies:`, or leave the "
            "file out"
        )
    _refuse_repeated_keys(node, path)
    return node


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    """YAML takes the last of two equal keys without a word: the first would be lost."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise InvalidStrategy(
                    f"{path}, line {key.start_mark.line + 1}: {key.value!r} is there twice"
                )
            seen.add(key.value)
            _refuse_repeated_keys(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item, path)


def _line_of(node: yaml.Node, place: tuple[str | int, ...]) -> int:
    """The line of an entry, or of the last thing on the way there that exists."""
    line = node.start_mark.line
    for step in place:
        inside: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == step:
                    inside, line = value, key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            inside = node.value[step]
            line = inside.start_mark.line
        if inside is None:
            break
        node = inside
    return int(line) + 1
