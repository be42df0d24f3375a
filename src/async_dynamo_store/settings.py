"""The configuration from the environment. In a room of its own, since pydantic-settings takes long to import."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict

from .config import DynamoDbConfig


class DynamoDbSettings(BaseSettings, DynamoDbConfig):  # pyright: ignore[reportIncompatibleVariableOverride]
    """`DynamoDbConfig` read from the environment and `.env`: prefix `VOICE_DB_`, nested fields after `__`."""

    model_config = SettingsConfigDict(
        env_prefix="VOICE_DB_",
        env_nested_delimiter="__",
        env_file=".env",
        dotenv_filtering="match_prefix",
        extra="forbid",
    )
