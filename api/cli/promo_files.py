"""Reading the files of `pricewright promo`."""

from __future__ import annotations

from pathlib import Path

from pricing.promotions.errors import PromotionError
from pricing.promotions.file_format import parse_text


def parsed(path: Path) -> object:
    """Data of a JSON or YAML file.

    Raises:
        PromotionError: it cannot be read, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PromotionError(str(path), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PromotionError(str(path), f"is not UTF-8 text: {error}") from None
    return parse_text(text, path.name)
