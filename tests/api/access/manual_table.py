"""The table of the manual on who may ask what, made from the rules.

python -m tests.api.access.manual_table docs/access.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from api.access.roles import RULES, Besides, Reach, Role, Rule

BEGIN: Final = "<!-- the table of api/access/roles.py begins -->\n"
END: Final = "<!-- and ends -->\n"

_BESIDES: Final = {
    Besides.NOBODY: "",
    Besides.HOLDER: "the quote's `token`",
    Besides.LOGGED_IN: "whoever logged in",
    Besides.SHOPPER: "every key; anybody while prices are open",
    Besides.ANYBODY: "anybody",
}
_REACH: Final = {
    Reach.NOTHING: "",
    Reach.NAMED: "as named",
    Reach.PART: "own part",
    Reach.WHOLE: "whole shop",
}


def table() -> str:
    """The table as Markdown, in the order of the paths."""
    roles = list(Role)
    head = ["", "request", *(str(role) for role in roles), "besides", "with a scope"]
    lines = [_line(head[1:]), _line(["---"] * (len(head) - 1))]
    ordered = sorted(RULES.items(), key=lambda entry: (entry[0][1], entry[0][0]))
    return "\n".join([*lines, *(_row(route, rule, roles) for route, rule in ordered), ""])


def with_table(page: str) -> str:
    """A page with the table of now between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _row(route: tuple[str, str], rule: Rule, roles: list[Role]) -> str:
    open_to_all = rule.besides in (Besides.ANYBODY, Besides.SHOPPER)
    marks = ["" if open_to_all else "x" if role in rule.roles else "" for role in roles]
    return _line([f"`{' '.join(route)}`", *marks, _BESIDES[rule.besides], _REACH[rule.reach]])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
