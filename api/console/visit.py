"""One request for a page: who asks, in which language, and the answers that can be given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response

from api.access.admission import may
from api.access.principal import PRINCIPAL, Principal
from api.access.sessions import SESSION, Session, csrf_token
from api.console.formats import Formats
from api.console.language import Language, language_of, languages
from api.console.page import ROOT, Group, every_page
from api.console.rendering import template_text
from api.console.tables import Tone
from api.routes.dependencies import Service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from api.console.page import Page

Theme = Literal["auto", "light", "dark"]

THEME_COOKIE: Final = "pricewright_theme"
_THEMES: Final[Mapping[str, Theme]] = {"light": "light", "dark": "dark"}
_TO_NOTICES: Final = {"hx-retarget": "#notices", "hx-reswap": "beforeend"}
_NOT_KEPT: Final = {"cache-control": "no-store"}
_ENCODE: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page.

    Attributes:
        request: as it came.
        service: the parts of the running service.
        language: that the visitor reads.
        theme: light, dark, or as the device has it.
        formats: how values are written, in the time zone of the shop.
    """

    request: Request
    service: Service
    language: Language
    theme: Theme
    formats: Formats

    @property
    def principal(self) -> Principal | None:
        """Who asks, as the door found it; None before anybody is logged in."""
        found: Principal | None = self.request.scope["state"].get(PRINCIPAL)
        return found

    @property
    def csrf_token(self) -> str:
        """What requests that change something must carry as `X-CSRF-Token`."""
        session: Session | None = self.request.scope["state"].get(SESSION)
        return "" if session is None else csrf_token(session)

    @property
    def now(self) -> datetime:
        """The time of the request, UTC."""
        return self.formats.now

    def may(self, method: str, path: str) -> bool:
        """Whether who is logged in may ask this: `POST`, `/console/drafts/7/approve`."""
        return may(self.principal, method, path)

    @property
    def navigation(self) -> Sequence[tuple[Group, Sequence[Page]]]:
        """The pages that the visitor may open, by group."""
        allowed = [page for page in every_page() if self.may("GET", ROOT + page.path)]
        groups = [(group, [page for page in allowed if page.group is group]) for group in Group]
        return [(group, pages) for group, pages in groups if pages]

    def url(self, path: str) -> str:
        """The address of a path of this service, also behind a proxy that puts one in front."""
        root: str = self.request.scope.get("root_path", "")
        return root.rstrip("/") + path

    def link(self, page: str, rest: str = "") -> str:
        """The address of a page by its name; empty where there is none, or the visitor may not.

        Args:
            page: the name of its `PAGE`.
            rest: what follows its own path: `/7`.
        """
        for known in every_page():
            path = ROOT + known.path + rest
            if known.name == page and self.may("GET", path):
                return self.url(path)
        return ""

    def say(self, message: str, **values: object) -> str:
        """A message in the visitor's language."""
        return self.language.say(message, **values)

    def page(self, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        """A whole page, or a piece of one, from a template."""
        text = template_text(
            self.language,
            template,
            visit=self,
            formats=self.formats,
            languages=languages(),
            **context,
        )
        return HTMLResponse(text, status_code=status, headers=_NOT_KEPT)

    def notice(self, tone: Tone, title: str, text: str = "") -> HTMLResponse:
        """A notice at the edge of the page that asked, and nothing else of it changed."""
        answer = self.page("frame/notice.html", tone=tone, title=title, text=text)
        answer.headers.update(_TO_NOTICES)
        return answer

    def leads_to(self, path: str) -> Response:
        """The answer to a button after which another page is shown."""
        return Response(status_code=204, headers={"hx-redirect": self.url(path), **_NOT_KEPT})

    def json(self, document: object) -> Response:
        """A document for the page's own scripts."""
        return Response(_ENCODE(document), media_type="application/json", headers=_NOT_KEPT)


def visit_of(request: Request) -> Visit:
    """What a request says of who visits."""
    service: Service = request.app.state.service
    language = language_of(request, service.settings.console_language)
    return Visit(
        request=request,
        service=service,
        language=language,
        theme=_THEMES.get(request.cookies.get(THEME_COOKIE, ""), "auto"),
        formats=Formats(language.locale, ZoneInfo(service.settings.time_zone), datetime.now(UTC)),
    )


async def _visit(request: Request) -> Visit:
    return visit_of(request)


Visiting = Annotated[Visit, Depends(_visit)]
"""What a route of a page takes."""
