"""On which line of a text a place of its document stands. Looked for when something is refused."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from typing import Final

import yaml

TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],\n]', re.DOTALL)
"""What of JSON says where one is: texts, brackets, commas, ends of lines."""
COLON: Final = re.compile(r"[ \t\r\n]*:")
_END: Final = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
_BLANK: Final = re.compile(r"[ \t\r\n]*")


def line_in_yaml(text: str, place: Sequence[str | int]) -> int:
    """The line of a key or of an item of a list, from 1.

    Where it does not stand there, as a field that is missing, that of the last thing on the way
    to it that does.

    Args:
        text: a YAML document.
        place: keys and indices that lead to it.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return 1
    line = node.start_mark.line
    for step in place:
        inside: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if str(key.value) == str(step):
                    inside, line = value, key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            inside = node.value[step] if step < len(node.value) else None
            line = line if inside is None else inside.start_mark.line
        if inside is None:
            break
        node = inside
    return int(line) + 1


def line_in_json(text: str, place: Sequence[str | int]) -> int:
    """As `line_in_yaml`, of a JSON document, however long it is."""
    line, best, met = 1, 1 + _blank_lines(text, 0), 0
    inside: list[int | None] = []  # of each list the index of its item; None for an object

    def at_item() -> bool:
        """Whether the item that begins now is the next step."""
        return met == len(inside) - 1 and met < len(place) and inside[-1] == place[met]

    for token in TOKEN.finditer(text):
        sign = token[0]
        if sign == "\n":
            line += 1
            continue
        if sign in "{[":
            inside.append(None if sign == "{" else 0)
        elif sign in "}],":
            if met == len(inside) and met:
                break  # the last thing that was found ends here
            if sign != ",":
                inside.pop()
                continue
            if (index := inside[-1]) is not None:
                inside[-1] = index + 1
        elif (
            inside
            and inside[-1] is None
            and met == len(inside) - 1
            and met < len(place)
            and COLON.match(text, token.end())
            and json.loads(sign) == str(place[met])
        ):
            met, best = met + 1, line
        if sign in "[," and at_item():
            met, best = met + 1, line + _blank_lines(text, token.end())
        if met == len(place):
            break
        line += sign.count("\n")
    return best


def lines_of_table(text: str) -> list[str]:
    """The lines of a CSV with their ends, whichever of the three these are."""
    return _END.split(text)


def line_in_table(text: str, place: Sequence[str | int]) -> int:
    """The line on which a row of a CSV begins; `place` is the name of the rows, then the index."""
    if len(place) < 2 or not isinstance(place[1], int):
        return 1
    reader = csv.reader(lines_of_table(text))
    row, line = -2, 1  # the first row that says something has the names of the columns
    for cells in reader:
        row += bool(cells)
        if cells and row == place[1]:
            return line
        line = reader.line_num + 1
    return 1


def _blank_lines(text: str, start: int) -> int:
    """The ends of lines before the next thing that is said."""
    blank = _BLANK.match(text, start)
    return 0 if blank is None else blank[0].count("\n")
