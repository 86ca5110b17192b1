"""The same carts and promotions in django-oscar, where it is installed, for the benchmark.

Only what both mean alike: a percentage or an amount off each unit, any N for a price, and buy N-1
get the cheapest free; in both a unit joins one promotion. Prices and percentages are such that no
discount has a fraction of a cent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module, metadata
from importlib.util import find_spec
from random import Random
from typing import Any

from pricing.promotions import promotion as w
from pricing.promotions.cart import Cart, Line
from pricing.promotions.promotion import AnyPromotion, Products
from tests.pricing.promotions.shops import AT

CATEGORIES = 8


def installed() -> str:
    """The version of django-oscar; empty if it is not installed."""
    return metadata.version("django-oscar") if find_spec("oscar") else ""


def shared_case(seed: int, lines: int, promotions: int) -> tuple[Cart, list[AnyPromotion]]:
    """A cart and promotions that both engines understand, in overlapping categories."""
    rng = Random(seed)
    entries = []
    for i in range(lines):
        category = rng.randrange(CATEGORIES)
        price = (10 + 12 * category) * 100 + 20 * rng.randrange(-20, 60)
        entries.append(
            Line(
                id=f"l{i}",
                sku=f"s{seed}-{i}",
                quantity=rng.choice([1, 1, 2, 3]),
                price=price,
                categories=tuple(f"c{c}" for c in {category, rng.randrange(CATEGORIES)}),
            )
        )
    cart = Cart(currency="GBP", at=AT, lines=tuple(entries))
    return cart, [_promotion(rng, i) for i in range(promotions)]


def _promotion(rng: Random, i: int) -> AnyPromotion:
    category = rng.randrange(CATEGORIES)
    products = Products(categories=(f"c{category}",))
    name, priority = f"p{i}", rng.randrange(10)
    match i % 4:
        case 0:
            percent = Decimal(rng.choice([5, 10, 15, 20, 25]))
            return w.PercentOff(id=name, priority=priority, products=products, percent=percent)
        case 1:
            amount = Decimal(rng.choice([1, 2, 5]))
            return w.AmountOff(id=name, priority=priority, products=products, amount=amount)
        case 2:
            units = rng.choice([2, 3])
            price = Decimal(units * (10 + 12 * category))
            return w.NForPrice(
                id=name, priority=priority, products=products, quantity=units, price=price
            )
        case _:
            return w.BuyGet(
                id=name,
                priority=priority,
                products=products,
                buy=rng.choice([1, 2]),
                get=1,
                percent=Decimal(100),
            )


@dataclass(frozen=True)
class OscarCase:
    """A basket and its offers in Oscar's database.

    Attributes:
        apply: price the basket.
        total: minor units after `apply`.
    """

    apply: Callable[[], None]
    total: Callable[[], int]


class Oscar:
    """Oscar on a database in memory. There can be one in a process."""

    def __init__(self) -> None:
        import_module("django.conf").settings.configure(**_settings())
        import_module("django").setup()
        import_module("django.core.management").call_command("migrate", verbosity=0)

    def case(self, cart: Cart, promotions: list[AnyPromotion]) -> OscarCase:
        """The cart and promotions in Oscar; those of the case before are taken away."""
        loading = import_module("oscar.core.loading")
        factories = import_module("oscar.test.factories")
        get_model = loading.get_model
        get_model("offer", "ConditionalOffer").objects.all().delete()
        get_model("offer", "Range").objects.all().delete()
        ranges: dict[str, Any] = {}
        basket = factories.create_basket(empty=True)
        for line in cart.lines:
            product = factories.create_product(
                upc=line.sku, price=Decimal(line.price) / 100, num_in_stock=1_000
            )
            for category in line.categories:
                if category not in ranges:
                    ranges[category] = get_model("offer", "Range").objects.create(
                        name=category, slug=category
                    )
                ranges[category].add_product(product)
            basket.add_product(product, line.quantity)
        for entry in promotions:
            scope = ranges.get(entry.products.categories[0])
            if scope is not None:
                _create_offer(entry, scope)
        applicator = loading.get_class("offer.applicator", "Applicator")

        def apply() -> None:
            basket.reset_offer_applications()
            applicator().apply(basket)

        return OscarCase(apply, lambda: round(basket.total_incl_tax * 100))


def _create_offer(entry: AnyPromotion, scope: object) -> None:
    get_model = import_module("oscar.core.loading").get_model
    condition, benefit = get_model("offer", "Condition"), get_model("offer", "Benefit")
    count, kind = 1, benefit.PERCENTAGE
    value: Decimal | None = None
    match entry:
        case w.PercentOff():
            value = entry.percent
        case w.AmountOff():
            kind, value = benefit.FIXED_UNIT, entry.amount
        case w.NForPrice():
            count, kind, value = entry.quantity, benefit.FIXED_PRICE, entry.price
        case w.BuyGet():
            count, kind = entry.buy + entry.get, benefit.MULTIBUY
        case _:
            raise AssertionError(entry)
    get_model("offer", "ConditionalOffer").objects.create(
        name=entry.id,
        priority=entry.priority,
        condition=condition.objects.create(range=scope, type=condition.COUNT, value=count),
        benefit=benefit.objects.create(
            range=None if kind == benefit.FIXED_PRICE else scope, type=kind, value=value
        ),
    )


def _settings() -> dict[str, Any]:
    defaults = import_module("oscar.defaults")
    oscar = {name: getattr(defaults, name) for name in dir(defaults) if name.startswith("OSCAR_")}
    apps = [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.sites",
        "django.contrib.flatpages",
        "oscar.config.Shop",
        "oscar.apps.analytics.apps.AnalyticsConfig",
        "oscar.apps.checkout.apps.CheckoutConfig",
        "oscar.apps.address.apps.AddressConfig",
        "oscar.apps.shipping.apps.ShippingConfig",
        "oscar.apps.catalogue.apps.CatalogueConfig",
        "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
        "oscar.apps.communication.apps.CommunicationConfig",
        "oscar.apps.partner.apps.PartnerConfig",
        "oscar.apps.basket.apps.BasketConfig",
        "oscar.apps.payment.apps.PaymentConfig",
        "oscar.apps.offer.apps.OfferConfig",
        "oscar.apps.order.apps.OrderConfig",
        "oscar.apps.customer.apps.CustomerConfig",
        "oscar.apps.search.apps.SearchConfig",
        "oscar.apps.voucher.apps.VoucherConfig",
        "oscar.apps.wishlists.apps.WishlistsConfig",
        "oscar.apps.dashboard.apps.DashboardConfig",
        "oscar.apps.dashboard.reports.apps.ReportsDashboardConfig",
        "oscar.apps.dashboard.users.apps.UsersDashboardConfig",
        "oscar.apps.dashboard.orders.apps.OrdersDashboardConfig",
        "oscar.apps.dashboard.catalogue.apps.CatalogueDashboardConfig",
        "oscar.apps.dashboard.offers.apps.OffersDashboardConfig",
        "oscar.apps.dashboard.partners.apps.PartnersDashboardConfig",
        "oscar.apps.dashboard.pages.apps.PagesDashboardConfig",
        "oscar.apps.dashboard.ranges.apps.RangesDashboardConfig",
        "oscar.apps.dashboard.reviews.apps.ReviewsDashboardConfig",
        "oscar.apps.dashboard.vouchers.apps.VouchersDashboardConfig",
        "oscar.apps.dashboard.communications.apps.CommunicationsDashboardConfig",
        "oscar.apps.dashboard.shipping.apps.ShippingDashboardConfig",
        "widget_tweaks",
        "haystack",
        "treebeard",
        "django_tables2",
    ]
    return {
        **oscar,
        "SECRET_KEY": "only for a benchmark",
        "INSTALLED_APPS": apps,
        "SITE_ID": 1,
        "USE_TZ": True,
        "ROOT_URLCONF": "",
        "MEDIA_ROOT": "",
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        "HAYSTACK_CONNECTIONS": {
            "default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}
        },
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "MIDDLEWARE": [],
    }
