"""How lists of what is done by jobs are narrowed, and asked for a page at a time."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

_WORD: Final = "^[a-z-]{1,40}$"

OfKind = Annotated[str | None, Query(pattern=_WORD, description="Only those of this kind")]
OfStatus = Annotated[str | None, Query(pattern=_WORD, description="Only those of this status")]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="Only older ones than this")]
PageLength = Annotated[int, Query(ge=1, le=1000)]
