"""How alike the letters of titles are: groups of letters inside words, weighed by their rarity.

The weights are those of TF-IDF with the logarithm of the count and a norm of one (Salton and
Buckley 1988), as scikit-learn's `TfidfVectorizer(analyzer="char_wb", sublinear_tf=True)` has them;
a test holds both against each other. Made here because that library takes longer to import than
most crawls take to match.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from models.arrays import IntArray

_SPACES = re.compile(r"\s\s+")

Rows: TypeAlias = Any
"""A scipy CSR matrix of float32, one row a text."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """Groups of texts, one entry a text and group; a text's are those between two ends."""

    group: IntArray
    times: IntArray
    ends: IntArray


class LetterGroups:
    """The groups of some texts, by which further texts are described.

    Args:
        texts: the texts that say which groups are rare.
        sizes: least and most letters in a group.
        most: share of the texts above which a group tells nothing and is left out, 0..1.

    Attributes:
        rows: the texts themselves.
    """

    def __init__(self, texts: Sequence[str], sizes: tuple[int, int], most: float = 1.0) -> None:
        self._sizes = sizes
        self._number: dict[str, int] = {}
        counted = self._counted(texts, grow=True)
        held = np.bincount(counted.group, minlength=len(self._number))
        self._tells = held <= most * len(texts)
        self._rarity = np.log((1.0 + len(texts)) / (1.0 + held)) + 1.0
        self.rows = self._matrix(counted)

    def describe(self, texts: Sequence[str]) -> Rows:
        """Further texts by the same groups; the product of two rows is their cosine."""
        return self._matrix(self._counted(texts, grow=False))

    def _counted(self, texts: Sequence[str], *, grow: bool) -> _Counted:
        """How often each text has each group that is known, or new where they may grow."""
        number, groups, times, ends = self._number, array("i"), array("i"), array("q", [0])
        for text in texts:
            for group, n in Counter(self._groups(text)).items():
                known = number.setdefault(group, len(number)) if grow else number.get(group)
                if known is not None:
                    groups.append(known)
                    times.append(n)
            ends.append(len(groups))
        return _Counted(np.array(groups), np.array(times), np.array(ends))

    def _groups(self, text: str) -> Iterator[str]:
        """The groups of a text; words have a space on both sides, so that their ends count."""
        least, most = self._sizes
        for word in _SPACES.sub(" ", text.lower()).split():
            padded = f" {word} "
            for size in range(least, most + 1):
                yield padded[:size]
                for start in range(1, len(padded) - size + 1):
                    yield padded[start : start + size]
                if len(padded) <= size:
                    break  # a word that is shorter than the group counts once

    def _matrix(self, counted: _Counted) -> Rows:
        from scipy.sparse import csr_matrix

        weights = (1.0 + np.log(counted.times)) * self._rarity[counted.group]
        weights *= self._tells[counted.group]
        squares = np.concatenate([[0.0], np.cumsum(weights**2)])
        lengths = np.sqrt(squares[counted.ends[1:]] - squares[counted.ends[:-1]])
        lengths = np.repeat(np.where(lengths > 0.0, lengths, 1.0), np.diff(counted.ends))
        data = (weights / lengths).astype(np.float32)
        shape = (len(counted.ends) - 1, len(self._number))
        return csr_matrix((data, counted.group, counted.ends), shape=shape)
