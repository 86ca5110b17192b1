"""Reading the files of `pricewright promo`."""

from __future__ import annotations

from pathlib import Path

from pricing.documents import Document
from pricing.promotions.errors import PromotionError
from pricing.promotions.file_format import read_promotion_document


def parsed(path: Path) -> Document:
    """A JSON or YAML file.

    Raises:
        PromotionError: it cannot be read, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PromotionError.at(f"cannot be read: {error.strerror}", source=str(path)) from None
    except UnicodeDecodeError as error:
        raise PromotionError.at(f"is not UTF-8 text: {error}", source=str(path)) from None
    return read_promotion_document(text, str(path))
