"""Two files of listings matched with each other: the matching of a crawl, for use on files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np

from scrapers.errors import InvalidListings
from scrapers.extract import parse_machine_price, parse_price
from scrapers.matching.blocking import ProductIndex
from scrapers.matching.listings import Listing
from scrapers.matching.matcher import Band, Matcher
from scrapers.matching.scoring import DEFAULT, Scorer, feature_table, learned

_YES: Final = frozenset({"1", "true", "yes", "match", "same", "y"})
_NO: Final = frozenset({"0", "false", "no", "different", "n"})


@dataclass(frozen=True, slots=True)
class KnownPair:
    """A decision somebody has made.

    Attributes:
        same: whether the two are the same product.
    """

    left_id: str
    right_id: str
    same: bool = True


@dataclass(frozen=True, slots=True)
class FoundPair:
    """A pair of the two files."""

    left_id: str
    right_id: str
    score: float
    band: Band


def read_listings(path: Path, *, encoding: str = "utf-8-sig") -> tuple[Listing, ...]:
    """The listings of a CSV file: columns `id,title` and any of `description,brand,gtin,mpn,price`.

    Raises:
        InvalidListings: it can not be read, lacks a column, or repeats or lacks an `id`.
    """
    listings: dict[str, Listing] = {}
    for number, row in _rows(path, encoding, ("id", "title")):
        key = (row.get("id") or "").strip()
        if not key or key in listings:
            what = f"id {key!r} stands there twice" if key else "'id' is empty"
            raise InvalidListings(f"{path}, line {number}: {what}")
        price = _price(row.get("price"))
        listings[key] = Listing(
            key,
            (row.get("title") or "").strip(),
            description=(row.get("description") or "").strip(),
            brand=(row.get("brand") or "").strip() or None,
            gtin=(row.get("gtin") or "").strip() or None,
            mpn=(row.get("mpn") or "").strip() or None,
            price=None if price is None else float(price),
        )
    return tuple(listings.values())


def read_known_pairs(path: Path, *, encoding: str = "utf-8-sig") -> tuple[KnownPair, ...]:
    """Decided pairs of a CSV file: `left_id,right_id` and, if some are not the same, `match`.

    Raises:
        InvalidListings: it can not be read, lacks a column, or `match` is neither yes nor no.
    """
    pairs = []
    for number, row in _rows(path, encoding, ("left_id", "right_id")):
        said = next((row[name] for name in ("match", "label", "same") if row.get(name)), "1")
        word = str(said).strip().lower()
        if word not in _YES | _NO:
            raise InvalidListings(f"{path}, line {number}: match {said!r} must be 1 or 0")
        left, right = (row.get("left_id") or "").strip(), (row.get("right_id") or "").strip()
        pairs.append(KnownPair(left, right, word in _YES))
    return tuple(pairs)


def match_files(
    left: Sequence[Listing], right: Sequence[Listing], known: Sequence[KnownPair] = ()
) -> tuple[FoundPair, ...]:
    """Match two sides, each listing at most once, the surest pairs first.

    Known pairs stand as decided, whatever the scores say, and train the scoring of the others. A
    known pair also tells that its two listings are nobody else's.

    Args:
        left: our products.
        right: the offers of one seller.
        known: decisions; pairs whose listings are not here are left out.

    Returns:
        Pairs to accept and pairs to review; what is rejected is left out.
    """
    lefts, rights = {listing.key for listing in left}, {listing.key for listing in right}
    here = [k for k in known if k.left_id in lefts and k.right_id in rights]
    scorer = _trained(left, right, here) if here else DEFAULT
    found = [FoundPair(k.left_id, k.right_id, 1.0, Band.ACCEPT) for k in here if k.same]
    used_left = {pair.left_id for pair in found}
    used_right = {pair.right_id for pair in found}
    denied = {(k.left_id, k.right_id) for k in here if not k.same}
    ours = [listing for listing in left if listing.key not in used_left]
    theirs = [listing for listing in right if listing.key not in used_right]
    matches = Matcher(ours, scorer).match_all(theirs, denied=denied)
    found += [
        FoundPair(match.sku, offer.key, match.score, match.band)
        for offer, match in zip(theirs, matches, strict=True)
        if match is not None
    ]
    return tuple(sorted(found, key=lambda pair: (-pair.score, pair.left_id, pair.right_id)))


def write_pairs(path: Path, pairs: Sequence[FoundPair]) -> None:
    """Write `left_id,right_id,score,band` as CSV; whole or not at all.

    Raises:
        InvalidListings: the place can not be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("left_id", "right_id", "score", "band"))
            writer.writerows((p.left_id, p.right_id, f"{p.score:.4f}", p.band.value) for p in pairs)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidListings(f"{path}: can not be written: {error.strerror or error}") from None


def refuse_unwritable(path: Path) -> None:
    """Say that pairs can not be written before they are looked for.

    Raises:
        InvalidListings: there is no such folder, or the path is one.
    """
    if path.is_dir() or not path.parent.is_dir():
        why = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise InvalidListings(f"{path}: can not be written: {why}")


def _trained(left: Sequence[Listing], right: Sequence[Listing], known: list[KnownPair]) -> Scorer:
    """Weights learned from the known pairs and from what they rule out."""
    index = ProductIndex(left)
    pairs = index.pairs(right)
    features = feature_table(pairs, left, right, index.rarity)
    ids = [(left[p].key, right[o].key) for p, o in zip(pairs.product, pairs.offer, strict=True)]
    same = {(k.left_id, k.right_id): k.same for k in known}
    settled_left = {k.left_id for k in known if k.same}
    settled_right = {k.right_id for k in known if k.same}
    rows = [
        row
        for row, pair in enumerate(ids)
        if pair in same or pair[0] in settled_left or pair[1] in settled_right
    ]
    answers = np.array([same.get(ids[row], False) for row in rows], dtype=bool)
    return learned(DEFAULT, features[rows], answers)


def _rows(
    path: Path, encoding: str, needed: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Rows with their line number, the header in lower case."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.DictReader(file, strict=True)
            reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
            for name in needed:
                if name not in reader.fieldnames:
                    has = ", ".join(reader.fieldnames) or "none"
                    raise InvalidListings(f"{path}: column {name!r} is missing; there are: {has}")
            for row in reader:
                yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise InvalidListings(f"{path}: is not {encoding} text; name its --encoding") from error
    except (OSError, csv.Error, LookupError) as error:
        raise InvalidListings(f"{path}: can not be read: {error}") from error


def _price(text: str | None) -> Decimal | None:
    """A price as a file gives it: for machines, or as printed."""
    if not text or not text.strip():
        return None
    return parse_machine_price(text.strip()) or parse_price(text).amount
