"""Microdata (`itemscope`/`itemprop`) brought into the shape of JSON-LD nodes."""

from __future__ import annotations

from collections.abc import Mapping

from extruct.w3cmicrodata import MicrodataExtractor

from scrapers.extract.page import Element, Page, texts_of

_RELATED = frozenset({"isRelatedTo", "isSimilarTo"})


class _Extractor(MicrodataExtractor):  # type: ignore[misc]  # extruct carries no types
    """extruct's, with the text of an element read where it stands instead of from a cleaned copy.

    The copy costs more than everything else together, and needs another kind of tree.
    """

    def _extract_textContent(self, node: Element) -> str:  # noqa: N802 - extruct's name
        # A line for each run of text: "12" and "99" in two elements are not 1299.
        return "\n".join(text for part in texts_of(node) if (text := " ".join(part.split())))


def microdata_nodes(page: Page) -> list[object]:
    """Top-level microdata items of the page as JSON-LD nodes; empty where the markup is broken."""
    if not page.root.xpath("boolean(//*[@itemscope])"):
        return []
    try:
        items = _Extractor().extract_items(page.root, page.url)
    except (ValueError, RecursionError):
        return []
    return [_node(item) for item in items]


def _node(value: object) -> object:
    """One microdata value: an item becomes a node, everything else stays as it is."""
    if isinstance(value, list):
        return [_node(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    properties = value.get("properties")
    node: dict[str, object] = {"@type": value.get("type")}
    if "id" in value:
        node["@id"] = value["id"]
    if isinstance(properties, Mapping):
        node |= {str(k): _node(v) for k, v in properties.items() if k not in _RELATED}
    return node
