"""What quoting needs of the running service."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import Engine

from api.access.keyring import KeyRing
from api.access.sessions import SessionDesk
from api.live.draft_prices import DraftPrices
from api.live.promotion_board import PromotionBoard
from api.live.snapshot import LivePrices
from api.live.writability import Writability
from api.quotes.named_markets import NamedMarkets
from api.quotes.shoppers import CodeGuesses
from api.settings import Settings


@dataclass(frozen=True, slots=True)
class QuoteDesk:
    """The parts of a running service that price carts and keep quotes.

    Attributes:
        settings: how it was started.
        engine: the database.
        live: the price book in memory.
        drafts: what test keys see.
        board: the promotions in memory.
        writability: whether the database takes writes.
        signing_key: signs quotes.
        keys: of programs.
        sessions: of people.
        code_guesses: wrong promotion codes, by shopper.
        named_markets: knows which settings name a market that there is not.
        write_turn: held while something is stored, where the database has one writer at a time
            anyway: waiting here is fair, waiting in SQLite is not.
    """

    settings: Settings
    engine: Engine
    live: LivePrices
    drafts: DraftPrices
    board: PromotionBoard
    writability: Writability
    signing_key: bytes
    keys: KeyRing
    sessions: SessionDesk
    code_guesses: CodeGuesses
    named_markets: NamedMarkets
    write_turn: AbstractContextManager[object]
