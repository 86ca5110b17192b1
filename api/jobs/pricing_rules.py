"""The rules file of a pricing manager: strategies and relations in YAML."""

from __future__ import annotations

from pathlib import Path

import yaml

from pricing.errors import InvalidStrategy
from pricing.strategy_terms import PricingRules, rules_of

_MOST_BYTES = 4_000_000


def read_rules(path: Path) -> PricingRules:
    """Read a rules file.

    Raises:
        InvalidStrategy: the file cannot be read, is no YAML, or says what cannot be meant.
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
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidStrategy(f"{path}: no YAML: {error}") from error
    return rules_of(document if document is not None else {}, str(path))
