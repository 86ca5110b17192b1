"""Where the database is: the one setting of this package, from the environment or `.env`."""

from __future__ import annotations

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage.database import engine_url
from storage.errors import SettingsInvalid


class StorageSettings(BaseSettings):
    """Settings of `storage`.

    Attributes:
        database_url: `DATABASE_URL`; `sqlite:///path.db` (relative to the working directory) or
            `postgresql://user:password@host/name`.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    database_url: str = Field(default="sqlite:///var/pricewright.db")

    @field_validator("database_url")
    @classmethod
    def _usable(cls, value: str) -> str:
        engine_url(value)
        return value


def load_storage_settings() -> StorageSettings:
    """The settings from the environment and `.env`, checked.

    Raises:
        SettingsInvalid: the message names the variable and what it must look like.
    """
    try:
        return StorageSettings()
    except ValidationError as problem:
        lines = [
            f"{'.'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
            for error in problem.errors(include_url=False, include_input=False)
        ]
        raise SettingsInvalid("\n".join(lines)) from None
