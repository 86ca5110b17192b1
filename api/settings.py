"""Settings of the service, from the environment and `.env`, validated before anything starts.

Every variable is `PRICEWRIGHT_` and the name of the field in capitals; only the database has the
name that every host uses, `DATABASE_URL`.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import (
    AnyHttpUrl,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from api.errors import SettingsInvalid
from api.logs import LogFormat, LogLevel
from pricing.currencies import decimals
from pricing.documents import read_json
from scrapers.addresses import PrivateAddresses
from scrapers.errors import ForbiddenAddress
from storage.settings import StorageSettings

_PREFIX = "PRICEWRIGHT_"
_SIGNING_BYTES = 32
_SECRET_BYTES = (24, 64)  # what the Standard Webhooks specification allows
_HOW_TO_MAKE_ONE = "make one with `openssl rand -base64 32` and put `whsec_` in front"

_RENAMED = {
    f"{_PREFIX}PLAN_PROCESSES": f"{_PREFIX}WORK_PROCESSES",
    f"{_PREFIX}PLAN_POLL_SECONDS": f"{_PREFIX}WORK_POLL_SECONDS",
}
"""Variables of earlier versions, with what takes their place."""
_OF_OTHERS = (f"{_PREFIX}SHARED_DATA",)  # where the test suite finds public data

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=1, le=36_500)]
_SECRET = ("webhook_secret", "operators", "quote_signing_key", "oidc_client_secret")
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
TOKEN_LETTERS = 16  # fewer could be guessed


class Settings(BaseSettings):
    """How this process serves prices and sends alerts.

    Attributes:
        storage: where the database is (`DATABASE_URL`).
        host: address to listen on.
        port: TCP port to listen on; 0 takes a free one.
        workers: server processes; each has its own copy of the price book.
        connections: at a time in each server process; where all are in use, those on which nothing
            is asked make room.
        head_seconds: for the head of a request to arrive.
        body_seconds: for the first bytes of its body; each further 16 KiB have one second more.
        bodies_mib: mebibytes of bodies that a process holds at a time, half of it for callers who
            do not say who they are.
        wrong_keys_a_minute: keys and tokens that are nobody's from one address; further ones are
            answered with 429, operators' tokens unseen.
        trusted_proxies: addresses and networks whose word on where a request comes from is taken
            (`X-Forwarded-For`, `X-Forwarded-Proto`); JSON such as `["127.0.0.1", "10.0.0.0/8"]`.
        cors_origins: pages of these origins may ask for prices and quotes with a publishable key;
            JSON such as `["https://shop.example"]`.
        serve_only: `prices` serves prices and quotes and nothing else, in a third of the memory;
            everything where it is unset.
        log_format: `human`, `json`, or `auto` (human on a terminal).
        log_level: least severe log lines written.
        snapshot_poll_seconds: how often to ask the database for a newer price book; the most that
            a published price can lag.
        price_max_age_seconds: how long a client may keep a price (`Cache-Control: max-age`).
        offer_max_age_hours: competitor offers older than this are not used for a decision.
        currency: of the markets that the first import makes, where nobody described them before.
        time_zone: theirs, an IANA name.
        webhook_url: where alerts go; they wait in the outbox while it is unset.
        webhook_secret: key that signs them (Standard Webhooks: `whsec_` and base64).
        webhook_timeout_seconds: how long one delivery may take in all.
        webhook_max_attempts: tries before an alert is given up, loudly.
        webhook_first_retry_seconds: pause after the first failure; doubled after each further one.
        webhook_last_retry_seconds: the longest pause between two tries.
        alert_poll_seconds: how often to look for alerts to send.
        rule_packs: folder of further rule packs, for instance those that counsel confirmed.
        operators: who may look behind the prices and change them over HTTP, as `name:token` pairs
            with commas between them. While it is unset there is one, `owner`, whose token the
            service makes and keeps in the file `operator-token` (see `api.access.operator_token`).
        open_prices: prices, and quotes that hold nothing, need no key.
        public_url: the address by which browsers reach this service, where it is not the one that
            they ask: behind a proxy, or for a provider of identities.
        session_idle_minutes: a person who did nothing for so long logs in again.
        session_hours: and so long after they logged in, whatever they did.
        oidc_discovery_url: where a provider of identities describes itself; people log in by it,
            too. It ends in `/.well-known/openid-configuration`.
        oidc_client_id: how the provider knows this service.
        oidc_client_secret: what was agreed upon with it; unset for a public client.
        oidc_roles_claim: the claim that lists a person's groups or roles; dots lead into objects.
        oidc_roles: role by what the claim lists, as JSON such as `{"pricing-team": "manager"}`; who
            has none of them is not let in.
        four_eyes: a draft must be approved by somebody other than who proposed it.
        budget_share_of_products: most share of prices that may change without an approval.
        budget_average_change: most mean size of the changes, as a share of the old price.
        budget_single_change: most size of any one change.
        budget_revenue_at_risk: most share of expected revenue that could be lost at the low end of
            the demand interval.
        release_poll_seconds: how often to look for scheduled books, stages and watched figures.
        quote_signing_key: signs quotes (32 bytes or more); the same wherever they are verified.
            While it is unset one is made up once and kept in the database, for all its hosts.
        quote_seconds: how long a quote is good.
        promotion_modes: how overlapping promotions are resolved, by market: `best` (where nothing
            is said) or `priority`; JSON such as `{"store-01": "priority"}`.
        return_policies: what goes back for a return, by market: `never_bought` (where nothing is
            said) takes lost thresholds off, `pro_rata` gives back the shares that were paid.
        map_floor_in: markets in which neither a list price nor a promotion goes below a minimum
            advertised price; elsewhere the law may forbid to be bound by one.
        promotion_poll_seconds: how often to look for changed promotions, expired quotes, and
            promotions that run ahead of their budget or stock.
        least_free_mib: the service is not ready where fewer mebibytes are free on the disk of an
            embedded database.
        crawl_schedule: this process crawls the sites that are due, unless another one does.
        crawls_at_once: sites that the schedule crawls at a time.
        crawl_poll_seconds: how often to look for sites that are due.
        chromium: the browser of sites with `render`; looked for where it is unset.
        private_addresses: hosts and networks off the public internet that alerts and whatever else
            the service sends may reach; JSON such as `["alerts.lan", "10.20.0.0/16"]`.
        private_sites: sites at private addresses and feeds from files may be set over HTTP.
        console_language: of the pages, `en` or `zh-Hans`, for whoever has chosen none; while it is
            unset that of the browser.
        hsts_seconds: how long a browser that came by https may not come otherwise
            (`Strict-Transport-Security`); 0 says nothing.
        work_processes: jobs that compute at the same time, each in a process of its own, and leave
            to crawl; 0 works on no job here.
        work_poll_seconds: how often to look for jobs that were asked for elsewhere.
        work_jobs_per_process: a process ends after so many jobs.
        work_idle_seconds: it ends when there was no job for so long.
        work_memory_mib: it ends after a job that left it with more memory than this.
        keep_evidence_days: offers and looks at competitors' pages on which no decision rests go
            after so many days; unset: never. At least as long as offers are used.
        keep_outbox_days: deliveries that are over go after so many days; unset: never.
        keep_quotes_days: quotes that expired or were cancelled go after so many days; unset: never.
        keep_jobs_days: jobs that ended go after so many days, with their logs; unset: never.
        backup_folder: where backups go that name no file; beside an embedded database if unset.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    storage: StorageSettings = Field(default_factory=StorageSettings)
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65_535)
    workers: int = Field(default=1, ge=1, le=256)
    connections: int = Field(default=1_000, ge=16, le=65_536)
    head_seconds: float = Field(default=10.0, gt=0, le=600, allow_inf_nan=False)
    body_seconds: float = Field(default=20.0, gt=0, le=600, allow_inf_nan=False)
    bodies_mib: int = Field(default=256, ge=1)
    wrong_keys_a_minute: int = Field(default=30, ge=1)
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    serve_only: Literal["prices"] | None = None
    log_format: LogFormat = LogFormat.AUTO
    log_level: LogLevel = LogLevel.INFO
    snapshot_poll_seconds: Seconds = 2.0
    price_max_age_seconds: int = Field(default=5, ge=0, le=86_400)
    offer_max_age_hours: float = Field(default=72.0, gt=0, le=24 * 365, allow_inf_nan=False)
    currency: str = "USD"
    time_zone: str = "UTC"
    webhook_url: AnyHttpUrl | None = None
    webhook_secret: SecretStr | None = None
    webhook_timeout_seconds: float = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)
    webhook_max_attempts: int = Field(default=12, ge=1, le=100)
    webhook_first_retry_seconds: Seconds = 5.0
    webhook_last_retry_seconds: Seconds = 3_600.0
    alert_poll_seconds: Seconds = 2.0
    rule_packs: Path | None = None
    operators: SecretStr | None = None
    open_prices: bool = True
    public_url: AnyHttpUrl | None = None
    session_idle_minutes: float = Field(default=60.0, gt=0, le=60 * 24 * 7, allow_inf_nan=False)
    session_hours: float = Field(default=12.0, gt=0, le=24 * 30, allow_inf_nan=False)
    oidc_discovery_url: AnyHttpUrl | None = None
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_roles_claim: str = Field(default="roles", min_length=1)
    oidc_roles: Annotated[
        dict[str, Literal["analyst", "manager", "approver", "admin"]], NoDecode
    ] = Field(default_factory=dict)
    four_eyes: bool = False
    budget_share_of_products: Share = 0.6
    budget_average_change: Share = 0.08
    budget_single_change: Share = 0.25
    budget_revenue_at_risk: Share = 0.15
    release_poll_seconds: Seconds = 10.0
    quote_signing_key: SecretStr | None = None
    quote_seconds: Seconds = 900.0
    promotion_modes: Annotated[dict[str, Literal["best", "priority"]], NoDecode] = Field(
        default_factory=dict
    )
    return_policies: Annotated[dict[str, Literal["never_bought", "pro_rata"]], NoDecode] = Field(
        default_factory=dict
    )
    map_floor_in: tuple[str, ...] = ()
    promotion_poll_seconds: Seconds = 2.0
    least_free_mib: int = Field(default=256, ge=0)
    crawl_schedule: bool = True
    crawls_at_once: int = Field(default=2, ge=1, le=8)
    crawl_poll_seconds: Seconds = 30.0
    chromium: str = ""
    private_addresses: tuple[str, ...] = ()
    private_sites: bool = False
    console_language: Literal["en", "zh-Hans"] | None = None
    hsts_seconds: int = Field(default=0, ge=0, le=63_072_000)
    work_processes: int = Field(default=1, ge=0, le=256)
    work_poll_seconds: Seconds = 1.0
    work_jobs_per_process: int = Field(default=100, ge=1)
    work_idle_seconds: Seconds = 300.0
    work_memory_mib: int = Field(default=1024, ge=64)
    keep_evidence_days: Days | None = None
    keep_outbox_days: Days | None = None
    keep_quotes_days: Days | None = None
    keep_jobs_days: Days | None = None
    backup_folder: Path | None = None

    @field_validator("promotion_modes", "return_policies", "oidc_roles", mode="before")
    @classmethod
    def _each_name_is_there_once(cls, given: object) -> object:
        return read_json(given) if isinstance(given, str) else given

    @field_validator("private_addresses")
    @classmethod
    def _private_addresses_can_be_meant(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        try:
            PrivateAddresses.of(entries)
        except ForbiddenAddress as error:
            raise ValueError(str(error)) from None
        return entries

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            try:
                ip_network(entry)
            except ValueError:
                raise ValueError(
                    f"has {entry!r}, which is neither an address nor a network like 10.0.0.0/8"
                ) from None
        return entries

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_origins(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if not _ORIGIN.fullmatch(entry):
                raise ValueError(
                    f"has {entry!r}; write each as a browser does, like https://shop.example or "
                    "http://127.0.0.1:3000: in small letters, with no path and no slash at the end"
                )
        return entries

    @field_validator("currency")
    @classmethod
    def _currency_is_in_use(cls, code: str) -> str:
        decimals(code)
        return code

    @field_validator("time_zone")
    @classmethod
    def _time_zone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is not an IANA time zone like Europe/Berlin") from None
        return name

    @field_validator("webhook_secret")
    @classmethod
    def _secret_is_a_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        coded = secret.get_secret_value().removeprefix("whsec_")
        try:
            key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
        except binascii.Error:
            raise ValueError(f"is not `whsec_` and base64; {_HOW_TO_MAKE_ONE}") from None
        low, high = _SECRET_BYTES
        if not low <= len(key) <= high:
            raise ValueError(
                f"has a key of {len(key)} bytes, not between {low} and {high}; {_HOW_TO_MAKE_ONE}"
            )
        return secret

    @field_validator("quote_signing_key")
    @classmethod
    def _signing_key_is_long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value().encode()) < _SIGNING_BYTES:
            raise ValueError(
                f"has fewer than {_SIGNING_BYTES} bytes; make one with `openssl rand -base64 32`"
            )
        return key

    @field_validator("operators")
    @classmethod
    def _operators_have_tokens(cls, operators: SecretStr | None) -> SecretStr | None:
        if operators is None:
            return None
        pairs = [pair.strip().partition(":") for pair in operators.get_secret_value().split(",")]
        if any(not name or len(token) < TOKEN_LETTERS for name, _, token in pairs):
            raise ValueError(
                f"must be name:token pairs with commas between them, each token of at least "
                f"{TOKEN_LETTERS} letters"
            )
        for place, what in ((0, "name"), (2, "token")):
            if len({pair[place] for pair in pairs}) != len(pairs):
                raise ValueError(f"has a {what} twice")
        return operators

    @model_validator(mode="after")
    def _alerts_are_signed(self) -> Self:
        if self.webhook_url is not None and self.webhook_secret is None:
            raise ValueError(
                f"{_PREFIX}WEBHOOK_SECRET is missing: {_PREFIX}WEBHOOK_URL is set and alerts are "
                f"always signed; {_HOW_TO_MAKE_ONE}"
            )
        return self

    @model_validator(mode="after")
    def _evidence_outlives_its_use(self) -> Self:
        days = self.keep_evidence_days
        if days is not None and days * 24 < self.offer_max_age_hours:
            raise ValueError(
                f"{_PREFIX}KEEP_EVIDENCE_DAYS={days} is shorter than offers are used for decisions "
                f"({_PREFIX}OFFER_MAX_AGE_HOURS={self.offer_max_age_hours:g}); keep them longer"
            )
        return self

    @model_validator(mode="after")
    def _a_provider_is_whole(self) -> Self:
        if self.oidc_discovery_url is None:
            return self
        missing = [
            f"{_PREFIX}{name.upper()}"
            for name in ("public_url", "oidc_client_id", "oidc_roles")
            if not getattr(self, name)
        ]
        if missing:
            raise ValueError(
                f"{_PREFIX}OIDC_DISCOVERY_URL is set, so {', '.join(missing)} must be, too"
            )
        return self

    @property
    def database_url(self) -> str:
        """The URL of the database."""
        return self.storage.database_url

    @property
    def private_places(self) -> PrivateAddresses:
        """The private hosts and networks that may be reached."""
        return PrivateAddresses.of(self.private_addresses)

    @property
    def signing_key(self) -> bytes:
        """The key that signs quotes; empty while it is unset."""
        return (self.quote_signing_key or SecretStr("")).get_secret_value().encode()

    @property
    def operator_tokens(self) -> dict[str, str]:
        """The name of the operator by token."""
        if self.operators is None:
            return {}
        pairs = (
            pair.strip().partition(":") for pair in self.operators.get_secret_value().split(",")
        )
        return {token: name for name, _, token in pairs}

    @property
    def offer_max_age(self) -> timedelta:
        """How old a competitor offer may be to count in a decision."""
        return timedelta(hours=self.offer_max_age_hours)


def load_settings(env_file: Path | None = Path(".env"), /, **given: object) -> Settings:
    """The settings of this process.

    Args:
        env_file: file of `NAME=value` lines read below the environment; None reads no file.
        given: values by field name that win over the environment, as command-line flags do;
            `database_url` wins over `DATABASE_URL`.

    Raises:
        SettingsInvalid: names each variable at fault, what it was and what it may be; or one that
            begins like ours and is none.
    """
    _refuse_unknown_variables(env_file)
    of_storage = {name: given.pop(name) for name in StorageSettings.model_fields if name in given}
    try:
        # The base class takes `_env_file`; mypy sees only the fields.
        storage = StorageSettings(_env_file=env_file, **of_storage)  # type: ignore[call-arg, arg-type]
        return Settings(_env_file=env_file, storage=storage, **given)  # type: ignore[call-arg, arg-type]
    except ValidationError as error:
        raise SettingsInvalid("; ".join(_readable(error, given))) from None
    except (SettingsError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{env_file} cannot be read: {error}; save it as UTF-8") from None


def _refuse_unknown_variables(env_file: Path | None) -> None:
    """A variable that nobody reads is a setting that does not hold, and nobody would know."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields if name != "storage"}
    faults = []
    for source, names in (("", os.environ), (f"{env_file}: ", _names_in(env_file))):
        for name in names:
            plain = name.upper()
            if not plain.startswith(_PREFIX) or plain in known or plain in _OF_OTHERS:
                continue
            if plain in _RENAMED:
                faults.append(f"{source}{name} is called {_RENAMED[plain]} now; rename it")
                continue
            short = {other.removeprefix(_PREFIX) for other in known}  # what all share says nothing
            close = get_close_matches(plain.removeprefix(_PREFIX), sorted(short), 1)
            all_of_them = "the manual's page Settings has all"
            meant = f"do you mean {_PREFIX}{close[0]}?" if close else all_of_them
            faults.append(f"{source}{name} is not known; {meant}")
    if faults:
        raise SettingsInvalid("; ".join(faults))


def _names_in(env_file: Path | None) -> tuple[str, ...]:
    """The variables of a file; none where it is not there, or is not text."""
    if env_file is None:
        return ()
    try:
        return tuple(dotenv_values(env_file, encoding="utf-8", interpolate=False))
    except (OSError, UnicodeDecodeError):
        return ()  # whoever reads the values says so


def _readable(error: ValidationError, given: dict[str, object]) -> list[str]:
    """One sentence a fault, with the variable's name and never a secret's value."""
    sentences = []
    for fault in error.errors(include_url=False):
        reason = fault["msg"].removeprefix("Value error, ")
        field = str(fault["loc"][0]) if fault["loc"] else ""
        if field in ("", "database_url"):  # such a message names its variable itself
            sentences.append(reason)
            continue
        name = field if field in given else f"{_PREFIX}{field.upper()}"
        value = "" if field in _SECRET else f"={fault['input']}"
        sentences.append(f"{name}{value}: {reason}")
    return sentences
