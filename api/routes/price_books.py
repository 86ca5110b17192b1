"""Which price books there are, and which one this process serves."""

from typing import Annotated, Self

from fastapi import APIRouter, Path, Query
from pydantic import Field

from api.errors import NoPriceBook, problem_responses
from api.http.documents import Document, UtcTime
from api.routes.dependencies import Reading, Running
from models.refusals import Defect, Invalid
from storage.errors import DatabaseUnavailable, PriceBookNotFound
from storage.prices.price_books import PublishedBook, list_price_books

router = APIRouter(prefix="/v1/price-books", tags=["price books"])


class PriceBookDocument(Document):
    """A published version, without its prices."""

    version: int
    published_at: UtcTime
    status: str = Field(description="`live` or `superseded`", examples=["live"])
    run: int | None = Field(description="Number of the decision run that it carries out")
    note: str
    changes: int = Field(description="How many prices it changed")

    @classmethod
    def of(cls, book: PublishedBook) -> Self:
        """The wire form."""
        return cls(
            version=book.version,
            published_at=book.published_at,
            status=book.status,
            run=book.run_id,
            note=book.note,
            changes=book.changes,
        )


class PriceBooksDocument(Document):
    """The newest versions, the newest first."""

    price_books: list[PriceBookDocument]


class LiveDocument(Document):
    """The price book that this process answers from."""

    version: int
    published_at: UtcTime
    prices: int = Field(description="How many prices it has")
    markets: dict[str, str] = Field(
        description="Currency by market code", examples=[{"online": "EUR"}]
    )
    checked_at: UtcTime | None = Field(description="When the database last said that it is live")
    stale: bool = Field(description="The database is away and a newer version may exist")


@router.get(
    "",
    operation_id="list_price_books",
    summary="The published price books",
    responses=problem_responses(Invalid, DatabaseUnavailable, Defect),
)
def read_price_books(
    conn: Reading, limit: Annotated[int, Query(ge=1, le=1000, description="Most to list")] = 50
) -> PriceBooksDocument:
    """What was published, when, by which run, the newest first."""
    books = list_price_books(conn, limit=limit)
    return PriceBooksDocument(price_books=[PriceBookDocument.of(book) for book in books])


@router.get(
    "/live",
    operation_id="read_live_price_book",
    summary="The price book that this process serves",
    responses=problem_responses(NoPriceBook, Defect),
)
async def read_live(service: Running) -> LiveDocument:
    """Answered from memory, as prices are."""
    serving = service.live.serving
    if serving.snapshot is None:
        raise NoPriceBook("no price book is live; run `pricewright publish`")
    book = serving.snapshot.book
    return LiveDocument(
        version=book.version,
        published_at=book.published_at,
        prices=len(book),
        markets=dict(zip(book.markets, book.currencies, strict=True)),
        checked_at=serving.checked_at,
        stale=serving.stale,
    )


@router.get(
    "/{version}",
    operation_id="read_price_book",
    summary="One published price book",
    responses=problem_responses(PriceBookNotFound, Invalid, DatabaseUnavailable, Defect),
)
def read_price_book(
    conn: Reading, version: Annotated[int, Path(ge=1, le=2**62)]
) -> PriceBookDocument:
    """When it was published, by which run, and how many prices it changed."""
    books = list_price_books(conn, version=version, limit=1)
    if not books:
        raise PriceBookNotFound(f"there is no price book {version}")
    return PriceBookDocument.of(books[0])
