"""Unique codes of a promotion, generated or brought in by the million.

Carts look them up one by one with `storage.promotions.found_codes`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, TextIO

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.promotions.codes import MAX_CODE, fold_code
from storage.arrow_rows import append
from storage.bulk import listed, refresh_statistics
from storage.code_patterns import MAX_CODES, code_pattern, draw_codes
from storage.database import take_turns
from storage.errors import BatchNotFound, CodesRefused, StepNotAllowed
from storage.promotions.tables import code_batches, promotion_codes, promotion_usage
from storage.promotions.versions import (
    StoredPromotion,
    codes_in_use,
    list_promotions,
    read_promotion,
    record,
)

HEADER: Final = ("code", "customer", "uses")
_COLUMNS: Final = ("code", "printed", "promotion_id", "batch_id", "customer")
_CHUNK: Final = 50_000
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class CodeBatch:
    """Codes that were made or brought in together.

    Attributes:
        source: the pattern, or the name of the file.
        codes: how many.
    """

    batch_id: int
    created_at: datetime
    author: str
    source: str
    codes: int


def generate_codes(
    conn: Connection, name: str, *, pattern: str, count: int, actor: str, at: datetime
) -> CodeBatch:
    """Make unique codes by a pattern; different from all codes that there are.

    Raises:
        PromotionNotFound: there is no such promotion.
        StepNotAllowed: it has ended, or does not take unique codes.
        CodesRefused: the pattern or the number; see `storage.code_patterns`.
    """
    stored = _open_to_codes(conn, name)
    checked = code_pattern(pattern)
    batch = _add_batch(conn, stored, pattern, actor=actor, at=at)
    public = _public_codes(conn)
    missing = count
    while missing or not count:  # to draw none is refused there, too
        drawn = draw_codes(checked, missing)
        folded = drawn.folded.astype(str).tolist()
        rows = zip(folded, drawn.printed.astype(str).tolist(), strict=True)
        fresh = [(code, shown, None) for code, shown in rows if code not in public]
        missing -= _insert(conn, stored.promotion_id, batch, fresh)
    return _finish(conn, stored, batch, "codes generated", count, pattern, actor=actor, at=at)


def import_codes(
    conn: Connection, name: str, lines: Iterable[str], *, source: str, actor: str, at: datetime
) -> CodeBatch:
    """Bring in codes made elsewhere: CSV with a column `code` and, optionally, `customer`.

    All or nothing: one code that is empty, too long, in the file twice, or in use already, counting
    look-alikes as the same, refuses the file.

    Args:
        conn: a transaction that writes.
        name: id of the promotion.
        lines: of the file, the header first.
        source: what the file is called.
        actor: who does it.
        at: now.

    Raises:
        PromotionNotFound: there is no such promotion.
        StepNotAllowed: it has ended, or does not take unique codes.
        CodesRefused: naming the file and the rows.
    """
    stored = _open_to_codes(conn, name)
    batch = _add_batch(conn, stored, source, actor=actor, at=at)
    public = _public_codes(conn)
    seen: set[str] = set()
    bad: list[str] = []
    reader = _read(lines, source)
    for chunk in iter(lambda: list(islice(reader, _CHUNK)), []):
        rows: list[tuple[str, str, str | None]] = []
        for number, code, customer in chunk:
            folded = fold_code(code)
            reason = _refusal(code, folded, seen, public)
            if reason is None:
                rows.append((folded, code, customer))
            else:
                bad.append(f"row {number}: {code!r} {reason}")
            seen.add(folded)
        if len(seen) > MAX_CODES:
            raise CodesRefused(source, f"has more than {MAX_CODES:,} codes; split it")
        if not bad and _insert(conn, stored.promotion_id, batch, rows) < len(rows):
            # A code of this batch is in `rows` once, so one that is not ours was there before.
            taken = set(codes_in_use(conn, (row[1] for row in rows))) - _own(conn, batch, rows)
            places = {code: number for number, code, _ in chunk}
            bad += [f"row {places[c]}: {c!r} is in use already" for c in sorted(taken)]
    if bad:
        shown = "; ".join(bad[:_SHOWN]) + ("; ..." if len(bad) > _SHOWN else "")
        raise CodesRefused(source, f"{shown}; nothing was imported")
    if not seen:
        raise CodesRefused(source, "has no codes")
    return _finish(conn, stored, batch, "codes imported", len(seen), source, actor=actor, at=at)


def export_codes(conn: Connection, name: str, out: TextIO, *, batch_id: int | None = None) -> int:
    """Write codes as CSV (`code,customer,uses`); returns how many.

    Raises:
        PromotionNotFound, BatchNotFound: there is no such promotion, or it has no such batch.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    done = 0
    for rows in code_rows(conn, name, batch_id=batch_id):
        writer.writerows(rows)
        done += len(rows)
    return done


def code_rows(
    conn: Connection, name: str, *, batch_id: int | None = None
) -> Iterator[Sequence[tuple[str, str | None, int]]]:
    """Codes with their customer and how often they were taken, some thousands at a time.

    Raises:
        PromotionNotFound, BatchNotFound: there is no such promotion, or it has no such batch.
    """
    batches = [batch.batch_id for batch in batches_of(conn, name)]
    if batch_id is not None:
        if batch_id not in batches:
            raise BatchNotFound(f"promotion {name!r} has no batch {batch_id}; it has {batches}")
        batches = [batch_id]
    t, u = promotion_codes, promotion_usage
    used = sa.and_(u.c.promotion_id == t.c.promotion_id, u.c.scope == "code", u.c.key == t.c.code)
    for one in batches:
        query = (
            sa.select(t.c.printed, t.c.customer, sa.func.coalesce(u.c.uses, 0))
            .join_from(t, u, used, isouter=True)
            .where(t.c.batch_id == one)
            .order_by(t.c.code)
            .execution_options(yield_per=_CHUNK)
        )
        for rows in conn.execute(query).partitions():
            yield [(row[0], row[1], row[2]) for row in rows]


def batches_of(conn: Connection, name: str) -> tuple[CodeBatch, ...]:
    """The batches of a promotion, the oldest first.

    Raises:
        PromotionNotFound: there is no such promotion.
    """
    number = read_promotion(conn, name).promotion_id
    columns = (code_batches.c[field] for field in CodeBatch.__dataclass_fields__)
    query = sa.select(*columns).where(code_batches.c.promotion_id == number)
    rows = conn.execute(query.order_by(code_batches.c.batch_id))
    return tuple(CodeBatch(*row) for row in rows)


def _open_to_codes(conn: Connection, name: str) -> StoredPromotion:
    take_turns(conn, "promotions")
    stored = read_promotion(conn, name)
    if stored.status == "ended":
        raise StepNotAllowed(f"promotion {name!r} has ended")
    if not stored.terms.unique_codes:
        raise StepNotAllowed(
            f"promotion {name!r} does not take unique codes; revise it with unique_codes: true"
        )
    return stored


def _add_batch(
    conn: Connection, stored: StoredPromotion, source: str, *, actor: str, at: datetime
) -> int:
    number: int = conn.execute(
        code_batches.insert()
        .values(
            promotion_id=stored.promotion_id,
            created_at=at,
            author=actor,
            source=source,
            codes=0,
        )
        .returning(code_batches.c.batch_id)
    ).scalar_one()
    return number


def _finish(
    conn: Connection,
    stored: StoredPromotion,
    batch: int,
    action: str,
    count: int,
    source: str,
    *,
    actor: str,
    at: datetime,
) -> CodeBatch:
    where = code_batches.c.batch_id == batch
    conn.execute(code_batches.update().where(where).values(codes=count))
    refresh_statistics(conn, promotion_codes)
    detail: Mapping[str, object] = {"batch": batch, "codes": count, "source": source}
    version = stored.version
    record(conn, stored.promotion_id, action, actor=actor, at=at, version=version, **detail)
    return CodeBatch(batch, at, actor, source, count)


def _insert(
    conn: Connection, promotion_id: int, batch: int, rows: Sequence[tuple[str, str, str | None]]
) -> int:
    """Add codes that are not there yet; returns how many were not."""
    if not rows:
        return 0
    names = ", ".join(_COLUMNS)
    if conn.dialect.name != "postgresql":
        statement = f"INSERT OR IGNORE INTO {promotion_codes.name} ({names}) VALUES (?,?,?,?,?)"  # noqa: S608
        values = [(code, shown, promotion_id, batch, who) for code, shown, who in rows]
        return conn.exec_driver_sql(statement, values).rowcount
    new = sa.Table("new_codes", sa.MetaData(), *(sa.Column(n, sa.Text) for n in _COLUMNS))
    conn.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {new.name} (LIKE {promotion_codes.name}) ON COMMIT DROP"
    )
    columns = list(zip(*rows, strict=True))
    n = len(rows)
    append(
        conn,
        new,
        pa.table(
            {
                "code": pa.array(columns[0], pa.string()),
                "printed": pa.array(columns[1], pa.string()),
                "promotion_id": pa.repeat(promotion_id, n),
                "batch_id": pa.repeat(batch, n),
                "customer": pa.array(columns[2], pa.string()),
            }
        ),
    )
    added = conn.exec_driver_sql(
        f"INSERT INTO {promotion_codes.name} ({names}) SELECT {names} FROM {new.name} "  # noqa: S608
        "ON CONFLICT DO NOTHING"
    ).rowcount
    conn.exec_driver_sql(f"DROP TABLE {new.name}")
    return added


def _own(conn: Connection, batch: int, rows: Sequence[tuple[str, str, str | None]]) -> set[str]:
    t = promotion_codes
    query = sa.select(t.c.printed).where(
        t.c.batch_id == batch, t.c.code.in_(listed(conn, (row[0] for row in rows)))
    )
    return set(conn.scalars(query))


def _public_codes(conn: Connection) -> frozenset[str]:
    """Folded codes that are written in promotions which have not ended."""
    return frozenset(
        fold_code(code)
        for stored in list_promotions(conn, ended=False)
        for code in (stored.terms.promotion.code, *stored.terms.promotion.codes)
        if code
    )


def _refusal(code: str, folded: str, seen: set[str], public: frozenset[str]) -> str | None:
    if not folded:
        return "is empty"
    if len(folded) > MAX_CODE:
        return f"has more than {MAX_CODE} characters"
    if not code.isprintable():
        return "has characters that cannot be printed"
    if folded in seen:
        return "is in the file twice (case, dashes and look-alikes do not count)"
    if folded in public:
        return "is a public code of a promotion"
    return None


def _read(lines: Iterable[str], source: str) -> Iterator[tuple[int, str, str | None]]:
    """Row number, code, customer."""
    reader = csv.reader(lines)
    try:
        header = [name.strip().lower().removeprefix("\ufeff") for name in next(reader, [])]
        if "code" not in header:
            raise CodesRefused(source, f"has no column `code`; its first row is {header}")
        code_at = header.index("code")
        customer_at = header.index("customer") if "customer" in header else None
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise CodesRefused(
                    source, f"row {reader.line_num} has {len(row)} columns, not {len(header)}"
                )
            customer = row[customer_at].strip() if customer_at is not None else ""
            yield reader.line_num, row[code_at].strip(), customer or None
    except csv.Error as error:
        raise CodesRefused(source, f"row {reader.line_num} is not CSV: {error}") from None
    except UnicodeDecodeError as error:
        raise CodesRefused(source, f"is not UTF-8 text: {error}") from None
