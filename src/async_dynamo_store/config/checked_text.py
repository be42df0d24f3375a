"""Names, addresses and credentials, checked by the rules of DynamoDB and of HTTP."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

_OWN_ATTRIBUTE = "_store"
_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def _table_name(value: str) -> str:
    if not _TABLE_NAME.fullmatch(value):
        raise ValueError(
            "a DynamoDB table name has 3 to 255 characters out of a-z, A-Z, 0-9, '_', '-' and '.'"
            " (AWS, 'Supported data types and naming rules in Amazon DynamoDB')"
        )
    return value


def _attribute_name(value: str) -> str:
    if not 1 <= len(value.encode()) <= 255:
        raise ValueError("the name of a key attribute has 1 to 255 bytes")
    if value == _OWN_ATTRIBUTE:
        raise ValueError(f"the attribute {_OWN_ATTRIBUTE!r} is reserved for this library's bookkeeping")
    return value


def _on_the_wire(value: str) -> str:
    if not value.strip():
        raise ValueError("it is blank: omit it, or unset its environment variable")
    if value != value.strip() or not value.isprintable():
        raise ValueError("it has leading or trailing spaces, or control characters such as a line break")
    return value


def _secret_on_the_wire(value: SecretStr) -> SecretStr:
    _on_the_wire(value.get_secret_value())
    return value


def _endpoint(value: str) -> str:
    if not is_endpoint(value):
        raise ValueError(
            "it is not an endpoint URL: give the scheme and the host, such as http://localhost:8000 (ports are 1 to 65535)"
        )
    return value


def is_endpoint(value: str) -> bool:
    """Whether `value` is an endpoint URL: http or https, a host, optionally a port and a path, and nothing else."""
    try:
        url = urlsplit(value)
        whole = bool(url.scheme in ("http", "https") and url.hostname and url.port != 0)
    except ValueError:
        return False
    return whole and not (url.username or url.query or url.fragment or " " in value)


Endpoint = Annotated[str, AfterValidator(_on_the_wire), AfterValidator(_endpoint)]
TableName = Annotated[str, AfterValidator(_table_name)]
AttributeName = Annotated[str, AfterValidator(_attribute_name)]
Text = Annotated[str, AfterValidator(_on_the_wire)]
Secret = Annotated[SecretStr, AfterValidator(_secret_on_the_wire)]
