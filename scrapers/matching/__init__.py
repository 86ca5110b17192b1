"""Which of our products an offer is."""

from scrapers.matching.listings import Listing
from scrapers.matching.matcher import ACCEPTED, REVIEWED, Band, Match, Matcher, MatchMethod
from scrapers.matching.scoring import DEFAULT, Scorer, learned
from scrapers.matching.titles import Pack, pack_of

__all__ = [
    "ACCEPTED",
    "DEFAULT",
    "REVIEWED",
    "Band",
    "Listing",
    "Match",
    "MatchMethod",
    "Matcher",
    "Pack",
    "Scorer",
    "learned",
    "pack_of",
]
