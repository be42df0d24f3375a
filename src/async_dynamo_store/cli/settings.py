"""The configuration of all commands, from `--table`, the environment, `.env` and `--config FILE`, in this order."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic.alias_generators import to_snake
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
)

from async_dynamo_store.config import DynamoDbConfig
from async_dynamo_store.settings import DynamoDbSettings

from .mistakes import Exit, Failure

_PREFIX = "VOICE_DB_"
_OTHER_NAMES = {"endpoint": "endpoint_url"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that was set: its name, its value (secrets are not shown), and its source."""

    name: str
    value: str
    source: str


def read_settings(given: Mapping[str, Any], file: Path | None) -> DynamoDbConfig:
    """The configuration; `given` are the settings of the command line.

    Raises `Failure` for invalid settings, and for a file that cannot be read.
    """
    in_file = _read_file(file) if file else {}

    class Settings(DynamoDbSettings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, dotenv_settings, InitSettingsSource(settings_cls, in_file)

    try:
        return Settings(**given)
    except ValidationError as error:
        raise settings_failure(error, f"{file}, " if file else "") from error


def read_file_alone(file: Path) -> DynamoDbConfig:
    """The configuration in a file, without the environment. Raises `Failure` as `read_settings` does."""
    try:
        return DynamoDbConfig.model_validate(_read_file(file))
    except ValidationError as error:
        raise settings_failure(error, f"{file}, ") from error


def settings_failure(error: ValidationError, where: str = "") -> Failure:
    """A `Failure` that lists the invalid settings, without their values, which may be secrets."""
    problems = "\n".join(
        f"  {'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return Failure(
        f"The settings are invalid ({where}{_PREFIX}… in the environment or .env):\n{problems}", Exit.USAGE
    )


def settings_in_use(config: DynamoDbConfig, given: Mapping[str, Any], file: Path | None) -> Iterator[Setting]:
    """The settings that were set, with their sources. Secrets are not shown."""
    sources = [
        ("the command line", dict(given)),
        ("environment", EnvSettingsSource(DynamoDbSettings)()),
        (".env", DotEnvSettingsSource(DynamoDbSettings)()),
        (str(file), _read_file(file) if file else {}),
    ]
    for path, value in _leaves(config.model_dump(exclude_unset=True)):
        # A part that is set as a whole, as JSON, may have camelCase fields.
        found = [name for place in (path, path[:1]) for name, values in sources if _has(values, place)]
        shown = "(set, not shown)" if isinstance(value, SecretStr) else str(value)
        yield Setting(".".join(path), shown, _named(found[0], path))


def _named(source: str, path: tuple[str, ...]) -> str:
    if source not in ("environment", ".env"):
        return source
    variable = _PREFIX + "__".join(path).upper()
    whole = _PREFIX + path[0].upper()
    shown = variable if source == ".env" or variable in map(str.upper, os.environ) else whole
    return f"{shown} ({source})"


def _leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _has(values: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True


def _read_file(file: Path) -> dict[str, Any]:
    """The fields in a file, in snake_case, so that other sources can fill in what is missing."""
    try:
        text = file.read_text(encoding="utf-8")
        values = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.", Exit.USAGE) from error
    except ValueError as error:
        kind = "JSON" if file.suffix == ".json" else "TOML"
        raise Failure(
            f"{file} is not {kind}. A file that ends in .json is read as JSON, any other as TOML.", Exit.USAGE
        ) from error
    if not isinstance(values, dict):
        raise Failure(f"{file} does not contain an object of settings.", Exit.USAGE)
    return _in_snake_case(values, file)


def _in_snake_case(values: Mapping[str, Any], file: Path) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for key, value in values.items():
        name = _OTHER_NAMES.get(key, to_snake(key))
        if name in named:
            raise Failure(f"{file}: {name} is given twice.", Exit.USAGE)
        named[name] = _in_snake_case(value, file) if isinstance(value, dict) else value
    return named
