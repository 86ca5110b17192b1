"""Reading a document: from text to a value that knows on which line each part of it stands."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import yaml

from models.refusals import Invalid
from pricing.documents.lines import (
    line_in_json,
    line_in_table,
    line_in_yaml,
    lines_of_table,
)
from pricing.documents.loading import UniqueKeys, read_json, read_yaml
from pricing.documents.records import cells_of
from pricing.documents.unreadable import printable, text_fault
from pricing.errors import UnreadablePart


class Form(StrEnum):
    """How a document is written."""

    YAML = "YAML"
    JSON = "JSON"
    CSV = "CSV"


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read.

    Attributes:
        source: what people call it: a file's path.
        text: as it was written.
        form: how it was written.
        value: what it says, as plain data.
        error: the class of what is raised about it.
    """

    source: str
    text: str
    form: Form
    value: Any
    error: type[Invalid] = Invalid

    def line(self, place: Sequence[str | int]) -> int:
        """The line of a key or an item, or of the last thing on the way to it that exists."""
        return _LINES[self.form](self.text, place)

    @contextmanager
    def naming(self, kind: type[Invalid] = Invalid) -> Iterator[None]:
        """While the block runs, refusals of parts of the document name its source and line.

        Args:
            kind: the class of refusals that are about this document.
        """
        try:
            yield
        except kind as error:
            if error.source:
                raise
            raise error.located(self.source, self.line(error.place)) from error


_LINES: Final = {Form.YAML: line_in_yaml, Form.JSON: line_in_json, Form.CSV: line_in_table}


def read_document(
    text: str,
    source: str,
    *,
    form: Form | None = None,
    outermost: type | None = dict,
    error: type[Invalid] = Invalid,
    loader: type[UniqueKeys] = UniqueKeys,
    parse_float: Callable[[str], Any] | None = None,
) -> Document:
    """A document with its places.

    Args:
        text: the document.
        source: what to call it in refusals.
        form: how it is written; JSON where `source` ends in `.json`, else YAML.
        outermost: what it must hold: `dict`, `list`, or None for anything.
        error: the class of refusals.
        loader: of YAML.
        parse_float: makes a number of the text of one that is not whole, in JSON.

    Raises:
        Invalid: of the class `error`, naming the line: no YAML or JSON, a key that stands
            twice, an empty document, a list instead of a mapping.
    """
    form = form or (Form.JSON if source.lower().endswith(".json") else Form.YAML)
    try:
        if form is Form.JSON and text.strip():
            value = read_json(text, parse_float=parse_float)
        else:
            value = read_yaml(text, loader)
    except UnreadablePart as refused:
        raise refused.of(error, source) from None
    except json.JSONDecodeError as refused:
        problem = f"is not JSON: {refused.msg}, column {refused.colno}"
        raise error.at(problem, source=source, line=refused.lineno) from None
    except yaml.YAMLError as refused:
        mark = getattr(refused, "problem_mark", None)
        problem = " ".join(str(getattr(refused, "problem", None) or refused).split())
        # A character that YAML does not print is refused before there are marks.
        before = text.count("\n", 0, getattr(refused, "position", None) or 0)
        line = before + 1 if mark is None else mark.line + 1
        raise error.at(f"is not YAML: {problem}", source=source, line=line) from None
    except (RecursionError, ValueError) as refused:
        raise error.at(f"is not {form}: {refused}", source=source) from None
    if value is None and outermost is not None:
        raise error.at("is empty; write at least one field", source=source, line=1)
    if outermost is not None and not isinstance(value, outermost):
        wanted = "a mapping of fields" if outermost is dict else "a list"
        raise error.at(f"must be {wanted} at its outermost", source=source, line=1)
    return Document(source, text, form, value, error)


def read_table(
    text: str,
    source: str,
    rows: str,
    row: type[Any] | None = None,
    *,
    error: type[Invalid] = Invalid,
) -> Document:
    """A CSV of which each row is an entry of the list `rows`; empty cells are left out.

    Args:
        text: the table.
        source: what to call it in refusals.
        rows: name of the list.
        row: the record of an entry; where it holds a list, a cell reads `60;54;48`, where it holds
            a mapping, `north=0.4;south=0.6`. None leaves all cells as text.
        error: the class of refusals.

    Raises:
        Invalid: of the class `error`: a column that stands twice, no CSV, no row.
    """
    try:
        table = csv.DictReader(lines_of_table(text), strict=True)
        columns = table.fieldnames or []
        if twice := [name for name in columns if name and columns.count(name) > 1]:
            problem = f"column {twice[0]!r} is there twice; keep one"
            raise error.at(problem, source=source, line=1)
        cells = [
            {k: v.strip() if isinstance(v, str) else v for k, v in line.items()} for line in table
        ]
    except csv.Error as refused:
        raise error.at(f"is no CSV: {refused}", source=source, line=table.line_num) from None
    if not cells:
        raise error.at("is empty; give the names of the columns and a row", source=source, line=1)
    found = []
    for number, given in enumerate(cells):
        if None in given:
            line = line_in_table(text, (rows, number))
            raise error.at("has more cells than there are columns", source=source, line=line)
        for name, cell in given.items():
            if fault := text_fault(f"{name}{cell}"):
                line = line_in_table(text, (rows, number))
                raise error.at(fault, (printable(name),), source=source, line=line)
        said = {name: cell for name, cell in given.items() if cell not in ("", None)}
        found.append(said if row is None else cells_of(said, row))
    return Document(source, text, Form.CSV, {rows: found}, error)
