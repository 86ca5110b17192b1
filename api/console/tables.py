"""Tables whose pages are asked for one by one: what a column is, a question, and the answer.

The page holds the columns, a JSON route of the page answers each question: which rows, sorted and
filtered how. Cells come written in the visitor's language, so that there is one place that writes
money and times; a script only lays them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from models.refusals import Invalid

if TYPE_CHECKING:
    from fastapi import Request

Tone = Literal["good", "bad", "doubt", "info", "quiet"]
"""What a colour means: it went well, it did not, somebody has to look, a hint, of no weight."""

Kind = Literal["text", "number", "badge", "meter", "spark", "time"]
"""How a cell is laid out; numbers stand on the right, with digits of one width."""

Cell = Mapping[str, object] | str | int | float | None

MOST_ROWS: Final = 200
_FILTER: Final = "filter."


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        field: its name in the rows.
        title: what stands above it, in the visitor's language.
        kind: how its cells are laid out.
        sortable: the route can sort by it.
        filter: `text` for a field to type in, or values with their names; None for no filter.
        width: in pixels at least; it takes what is left beside the others.
        pinned: it stays when the table is moved sideways.
        priority: columns with the highest numbers are left out first where there is no room.
    """

    field: str
    title: str
    kind: Kind = "text"
    sortable: bool = False
    filter: Literal["text"] | Mapping[str, str] | None = None
    width: int = 100
    pinned: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows a table wants.

    Attributes:
        page: from 1.
        size: rows a page.
        sort: field to sort by, empty for the route's own order.
        descending: the largest first.
        filters: what was typed or chosen, by field; nothing empty.
        search: what was typed into the field above the table.
    """

    page: int = 1
    size: int = 50
    sort: str = ""
    descending: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)
    search: str = ""

    @property
    def offset(self) -> int:
        """Rows before the first one wanted."""
        return (self.page - 1) * self.size


def question_of(request: Request, columns: Sequence[Column]) -> Question:
    """The question in a request's query, held against the columns.

    The query has `page`, `size`, `sort` (`-field` for the largest first), `q`, and `filter.FIELD`.

    Raises:
        InvalidRequest: a number is none or out of range, or a field cannot be sorted or filtered.
    """
    query = request.query_params
    sort = query.get("sort", "")
    by = sort.removeprefix("-")
    if by and by not in {column.field for column in columns if column.sortable}:
        raise Invalid(f"the table is not sorted by {by!r}", ("query", "sort"))
    filters = {}
    known = {column.field: column for column in columns if column.filter is not None}
    for name, value in query.items():
        if not name.startswith(_FILTER) or not value:
            continue
        column = known.get(name.removeprefix(_FILTER))
        if column is None:
            raise Invalid("the table is not filtered by this", ("query", name))
        if isinstance(column.filter, Mapping) and value not in column.filter:
            raise Invalid(f"is one of {', '.join(column.filter)}, not {value!r}", ("query", name))
        filters[column.field] = value
    return Question(
        page=_number(query.get("page", "1"), "page", 1_000_000),
        size=_number(query.get("size", "50"), "size", MOST_ROWS),
        sort=by,
        descending=sort.startswith("-"),
        filters=filters,
        search=query.get("q", "").strip(),
    )


def rows_document(
    question: Question, rows: Sequence[Mapping[str, Cell]], total: int
) -> dict[str, Any]:
    """The answer to a question.

    Args:
        question: that was asked.
        rows: of this page; each has an `id`, and `href` where it leads somewhere.
        total: how many rows there are on all pages.
    """
    pages = max(1, -(-total // question.size))
    return {"last_page": pages, "last_row": total, "data": rows}


def cell(
    text: str,
    *,
    tone: Tone | None = None,
    href: str | None = None,
    note: str | None = None,
    share: float | None = None,
    values: Sequence[float | None] | None = None,
) -> dict[str, object]:
    """A cell that is more than its text.

    Args:
        text: what it says.
        tone: its colour's meaning.
        href: where it leads.
        note: shown to whoever points at it.
        share: of a meter, from 0 to 1.
        values: of a spark line.
    """
    whole = {
        "text": text,
        "tone": tone,
        "href": href,
        "note": note,
        "share": share,
        "values": values,
    }
    return {name: value for name, value in whole.items() if value is not None}


def _number(given: str, name: str, most: int) -> int:
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:12]) <= most:
        raise Invalid(f"is a number from 1 to {most}, not {given[:40]!r}", ("query", name))
    return int(given)
