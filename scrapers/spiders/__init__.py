"""One spider for each kind of site."""

from typing import Final

from scrapers.sites import SiteKind
from scrapers.spiders.base import SiteSpider
from scrapers.spiders.catalogues import CatalogueSpider, FeedSpider
from scrapers.spiders.storefront import StorefrontSpider

SPIDERS: Final[dict[SiteKind, type[SiteSpider]]] = {
    SiteKind.STOREFRONT: StorefrontSpider,
    SiteKind.WATCH: StorefrontSpider,
    SiteKind.SHOPIFY: CatalogueSpider,
    SiteKind.WOOCOMMERCE: CatalogueSpider,
    SiteKind.MAGENTO: CatalogueSpider,
    SiteKind.FEED: FeedSpider,
}
"""The spider that reads each kind of site."""
