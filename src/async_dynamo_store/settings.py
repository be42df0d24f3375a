"""Configuration from environment variables. A separate module, because pydantic-settings is slow to import."""

from __future__ import annotations

import os
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .config import DynamoDbConfig, TableName


def _named(value: object) -> object:
    if value == "":
        raise ValueError(
            "no table is named: set VOICE_DB_TABLE_NAME in the environment or .env, or pass table_name"
        )
    return value


# Each base has a `model_config` of its own type; this class sets its own.
class DynamoDbSettings(BaseSettings, DynamoDbConfig):  # pyright: ignore[reportIncompatibleVariableOverride]
    """`DynamoDbConfig` read from the environment and `.env`: prefix `VOICE_DB_`, nested fields after `__`.

    An unknown variable with this prefix is an error, like an unknown key of `DynamoDbConfig`.
    """

    model_config = SettingsConfigDict(
        env_prefix="VOICE_DB_",
        env_nested_delimiter="__",
        env_file=".env",
        dotenv_filtering="match_prefix",
        extra="forbid",
    )

    # The default lets type checkers accept a call without arguments; the validator rejects it.
    table_name: Annotated[TableName, BeforeValidator(_named), Field(validate_default=True)] = ""

    @model_validator(mode="before")
    @classmethod
    def _known_variables(cls, values: Any) -> Any:
        prefix = str(cls.model_config.get("env_prefix"))
        unknown = [
            name
            for name in os.environ
            if name.upper().startswith(prefix)
            and name[len(prefix) :].lower().partition("__")[0] not in cls.model_fields
        ]
        if unknown:
            raise ValueError(
                f"there is no setting for {', '.join(sorted(unknown))}: check the spelling, or unset it"
            )
        return values
