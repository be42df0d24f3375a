from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest

import async_dynamo_store

HEAVY = ("aioboto3", "aiobotocore", "aiohttp", "boto3", "botocore", "moto", "pydantic_settings")


def test_all_is_sorted_and_whole() -> None:
    names = async_dynamo_store.__all__
    assert names == sorted(names)
    assert {name for name in dir(async_dynamo_store) if name[0].isupper()} - {"TYPE_CHECKING"} == set(names)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'async_dynamo_store' has no attribute 'DynamoDbSetings'"):
        getattr(async_dynamo_store, "DynamoDbSetings")  # noqa: B009 - type checkers see the typo too


@pytest.mark.parametrize("name", async_dynamo_store.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    public = getattr(async_dynamo_store, name)
    assert public.__doc__
    assert inspect.isclass(public)
    for member, value in vars(public).items():
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"


@pytest.mark.parametrize(
    ("statement", "left_out"),
    [
        ("import async_dynamo_store", {*HEAVY, "asyncio", "pydantic"}),
        ("from async_dynamo_store import AsyncDynamoStore", {*HEAVY, "async_dynamo_store.voice.requests"}),
        ("from async_dynamo_store import VoiceApp", {*HEAVY}),
        ("from async_dynamo_store import *", {*HEAVY} - {"pydantic_settings"}),
    ],
)
def test_importing_loads_nothing_that_is_not_asked_for(statement: str, left_out: set[str]) -> None:
    program = f"import sys\n{statement}\nprint(*({left_out!r} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_the_version_is_that_of_the_installed_package() -> None:
    assert async_dynamo_store.__version__ == version("async-dynamo-store")
