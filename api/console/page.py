"""What a page of the console declares, and the finding of all pages.

A page is a module in `api/console/pages/` with a constant `PAGE`, and a folder of templates with
the page's name. Nothing else has to be told of it: the frame finds the module, and the navigation,
the keyboard list and the catalogue of messages follow from what it declares.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from api.console.language import N_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import APIRouter

ROOT: Final = "/console"
"""Where the console is; every page lies below it."""


class Group(Enum):
    """The groups of the navigation, from top to bottom; the value is the title."""

    OVERVIEW = N_("Overview")
    PRICING = N_("Pricing")
    MARKET = N_("Market")
    ADMINISTRATION = N_("Administration")


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or a few that belong together.

    Attributes:
        name: of its module, its folder of templates and its catalogue of messages.
        title: a message: what the navigation calls it.
        router: its routes, made by `page_router()`; their paths begin with the page's.
        path: where it is, below `/console`.
        group: where the navigation has it; None for a page that it does not list.
        order: its place in the group; leave gaps.
        key: the letter that, after `g`, goes there; empty for none.
        icon: name of a symbol in `templates/frame/icons/`.
    """

    name: str
    title: str
    router: APIRouter
    path: str
    group: Group | None = None
    order: int = 50
    key: str = ""
    icon: str = "page"


@cache
def every_page() -> Sequence[Page]:
    """All pages, as the navigation lists them: by group, then by order."""
    room = import_module("api.console.pages")  # by name: the pages stand on this module
    modules = [
        import_module(f"{room.__name__}.{found.name}")
        for found in pkgutil.iter_modules(room.__path__)
    ]
    pages: list[Page] = [module.PAGE for module in modules]
    groups = list(Group)
    return sorted(
        pages,
        key=lambda page: (groups.index(page.group) if page.group else -1, page.order, page.name),
    )
