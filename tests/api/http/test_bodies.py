from __future__ import annotations

import pytest

from api.http.bodies import decoded
from api.quotes.quoting import QuoteRequest
from models.refusals import Invalid


@pytest.mark.parametrize(
    "raw",
    [
        b'{"lines":5,oops',
        b'{"customer":{"id":5}',
        b'{"shipping":1e99999}',
        b'{"lines":[{"sku":"a","quantity":1e400}]}',
        b'{"market":5,"x":"\xff"}',
        b'{"market":5,"x":' + b"[" * 100_000,
        b"[" * 100_000,
        b"\xff\xfe",
        b"",
    ],
)
def test_what_is_wrong_twice_is_refused_and_no_failure(raw: bytes) -> None:
    """A wrong field with something behind it that is no JSON, or a number beyond all machines."""
    with pytest.raises(Invalid, match=r"^body"):
        decoded(raw, QuoteRequest)
