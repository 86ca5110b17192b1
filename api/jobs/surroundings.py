"""What the service tells every job of its settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from api.settings import Settings
from api.work.context import Context
from storage.database import engine_url
from storage.law.rule_packs import RulePacks, load_rule_packs


def surroundings(settings: Settings) -> dict[str, Any]:
    """The settings that jobs need, as JSON."""
    packs = settings.rule_packs
    return {
        "offer_max_age_seconds": settings.offer_max_age.total_seconds(),
        "rule_packs": None if packs is None else str(packs),
        "map_floor_in": settings.map_floor_in,
        "database_url": settings.database_url,
        "chromium": settings.chromium,
        "currency": settings.currency,
        "time_zone": settings.time_zone,
        "log_format": settings.log_format.value,
        "log_level": settings.log_level.value,
        "keep_days": {
            "evidence": settings.keep_evidence_days,
            "outbox": settings.keep_outbox_days,
            "quotes": settings.keep_quotes_days,
            "jobs": settings.keep_jobs_days,
        },
        "backup_folder": str(backup_folder(settings)),
    }


def backup_folder(settings: Settings) -> Path:
    """Where backups go: as it is set, else beside an embedded database, else in `var/`."""
    if settings.backup_folder is not None:
        return settings.backup_folder
    url = engine_url(settings.database_url)
    embedded = url.get_backend_name() == "sqlite" and url.database
    return (Path(embedded).parent if embedded else Path("var")) / "backups"


def offer_max_age(context: Context) -> timedelta:
    """Competitor offers older than this do not count."""
    return timedelta(seconds=context.given["offer_max_age_seconds"])


def map_floor_in(context: Context) -> tuple[str, ...]:
    """Markets in which a minimum advertised price binds."""
    return tuple(context.given["map_floor_in"])


def rule_packs(context: Context) -> RulePacks:
    """The rules of law that are known.

    Raises:
        InvalidRulePack: one cannot be applied.
    """
    folder = context.given["rule_packs"]
    return load_rule_packs(None if folder is None else Path(folder))
