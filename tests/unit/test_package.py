from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import async_dynamo_store

HEAVY = ("aioboto3", "aiobotocore", "aiohttp", "boto3", "botocore", "moto", "pydantic_settings")


def test_all_is_sorted_and_whole() -> None:
    names = async_dynamo_store.__all__
    assert names == sorted(names)
    public = {
        name
        for name, value in vars(async_dynamo_store).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert set(names) == public | {"DynamoDbSettings"}


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'async_dynamo_store' has no attribute 'DynamoDbSetings'"):
        async_dynamo_store.DynamoDbSetings  # noqa: B018 - the typo is the test


@pytest.mark.parametrize("name", async_dynamo_store.__all__)
def test_every_public_name_has_a_docstring(name: str) -> None:
    public = getattr(async_dynamo_store, name)
    assert public.__doc__
    assert inspect.isclass(public)
    for member, value in vars(public).items():
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"


def test_importing_it_loads_nothing_heavy() -> None:
    program = f"import sys, async_dynamo_store; print(*(set({HEAVY!r}) & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
