"""How long a request body may be, route by route: the one table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """The longest body that a route reads.

    Attributes:
        most: bytes.
        fix: what to do with a longer one.
    """

    most: int
    fix: str


DEFAULT: Final = BodyLimit(1 << 20, "send less at once")
_FILE: Final = BodyLimit(64 << 20, "split the file")
_LONG_LIST: Final = BodyLimit(2 << 20, "send fewer entries at once")

BODY_LIMITS: Final = {
    ("POST", "/v1/prices:batch"): BodyLimit(DEFAULT.most, "send fewer SKUs at once"),
    # Documents with a whole range of products, and files that the command line takes, too.
    ("POST", "/v1/plans"): _FILE,
    ("POST", "/v1/decision-runs"): _FILE,
    ("POST", "/v1/jobs"): _FILE,
    ("PUT", "/v1/promotions/{name}/codes.csv"): _FILE,
    # 1,000 observations of 2 kB; 10,000 page addresses of 200 characters.
    ("POST", "/v1/observations"): _LONG_LIST,
    ("POST", "/v1/sites"): _LONG_LIST,
    ("PUT", "/v1/sites/{name}"): _LONG_LIST,
}
"""Limits by method and path as the routes spell it; every other route has `DEFAULT`."""


def limit_of(method: str, path: str) -> BodyLimit:
    """The limit of a request, by its method and its path."""
    exact = BODY_LIMITS.get((method, path))
    if exact is not None:
        return exact
    for of_method, pattern, limit in _PATTERNS:
        if method == of_method and pattern.fullmatch(path):
            return limit
    return DEFAULT


def _pattern(template: str) -> re.Pattern[str]:
    literal = re.split(r"\{\w+\}", template)
    return re.compile("[^/]+".join(re.escape(part) for part in literal))


_PATTERNS: Final = tuple(
    (method, _pattern(template), limit)
    for (method, template), limit in BODY_LIMITS.items()
    if "{" in template
)
