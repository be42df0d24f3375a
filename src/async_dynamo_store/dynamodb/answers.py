"""Maps errors of DynamoDB and botocore to this library's errors.

One table maps DynamoDB's error codes, another maps botocore's exceptions. A new error needs a row here and a class in
`errors`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from async_dynamo_store.errors import (
    AccessDeniedError,
    BackendError,
    CredentialsError,
    ItemTooLargeError,
    TableNotFoundError,
    ThrottledError,
    UnavailableError,
)

from .definition import PARTITION_KEY_OF_CONVERSATIONS, SORT_KEY_OF_CONVERSATIONS

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.wire.values import Item

_NOT_AUTHORIZED = re.compile(r"not authorized to perform: (\w+:\w+)")
_POLICY = re.compile(
    r"(with an explicit deny in an?|because no) ((?:identity-based|resource-based|service control|resource control|session|VPC"
    r" endpoint) policy|permissions boundary)"
)
"""The policy that denied access (IAM User Guide, 'Troubleshoot access denied error messages')."""
CONFLICT_CODES = {"TransactionConflictException", "ReplicatedWriteConflictException"}
"""The codes for a write that was not applied because of another writer of the same item."""


class ConditionFailed(Exception):
    """The condition of a write is not met; `item` is the stored item, None if there is none."""

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


class InvalidRequest(BackendError):
    """DynamoDB refused the request as invalid (ValidationException), for example because of another key schema."""


class TableInUse(BackendError):
    """The table to create already exists, or is being created or deleted."""


class _Answer(NamedTuple):
    """An error response: the operation's name in the API, the table, and DynamoDB's message.

    `names` are the names in the configuration; an error message may show them.
    """

    operation: str
    table: str
    names: frozenset[str]
    tries: int
    code: str
    message: str
    status: int
    item: Item | None


def _error(kind: type[BackendError], text: str) -> Callable[[_Answer], Exception]:
    """A function that creates an error of this kind and fills the fields of the response into its text."""
    return lambda answer: kind(text.format(**answer._asdict()))


def _access_denied(answer: _Answer) -> Exception:
    named = _NOT_AUTHORIZED.search(answer.message)
    if "KMS key" in answer.message and not named:
        return AccessDeniedError(
            f"DynamoDB cannot use the KMS key of the table {answer.table!r}: it is disabled, scheduled for deletion, or its key"
            " policy denies access. Check the key in the AWS console.",
            "kms:Decrypt",
        )
    action = named.group(1) if named else f"dynamodb:{answer.operation}"
    decided, policy = match.groups() if (match := _POLICY.search(answer.message)) else ("", "")
    if decided.startswith("with"):
        article = "An" if decided.endswith("an") else "A"
        advice = f"{article} {policy} denies it explicitly, and no other policy can override that: change this policy."
    elif policy not in ("", "identity-based policy"):
        advice = f"The {policy} must allow it, in addition to the role's policy."
    else:
        advice = "Add it to the role's policy."
    return AccessDeniedError(f"IAM does not allow {action} on the table {answer.table!r}. {advice}", action)


def _too_large(answer: _Answer) -> Exception:
    return ItemTooLargeError(
        "The user item would exceed DynamoDB's 400 KB together with the data of other writers. Shorten it."
    )


def _invalid(answer: _Answer) -> Exception:
    if "exceeded the maximum allowed size" in answer.message:
        return _too_large(answer)
    return InvalidRequest(
        f"DynamoDB refused {answer.operation} on the table {answer.table!r} as invalid: {_without_values(answer)}."
    )


_SCHEMA_WORDS = frozenset(
    [
        "Actual",
        "B",
        "BINARY",
        "BOOL",
        "Consistent",
        "Expected",
        "HASH",
        "Index",
        "IndexKey",
        "IndexName",
        "Item",
        "Key",
        "L",
        "M",
        "Missing",
        "N",
        "NS",
        "Number",
        "RANGE",
        "S",
        "SS",
        "STRING",
        "Size",
        "Type",
        "a",
        "actual",
        "allowed",
        "and",
        "attribute",
        "column",
        "element",
        "empty",
        "exceeded",
        "expected",
        "for",
        "has",
        "have",
        "hash",
        "in",
        "index",
        "indexes",
        "is",
        "item",
        "key",
        "keys",
        "length",
        "maximum",
        "mismatch",
        "missed",
        "missing",
        "must",
        "name",
        "not",
        "number",
        "of",
        "on",
        "or",
        "range",
        "schema",
        "secondary",
        "size",
        "specified",
        "string",
        "supported",
        "table",
        "than",
        "the",
        "to",
        "type",
        "value",
    ]
)
"""Words that DynamoDB uses in its messages about keys and indexes, besides names."""


def _without_values(answer: _Answer) -> str:
    """DynamoDB's message without parts that may quote user data; names from the configuration are kept."""
    general, _, detail = answer.message.partition(": ")
    general = re.split(r"[\"'`\[({<=]", general, maxsplit=1)[0].strip(" .")
    words = (word.strip("[](){}.,;:") for word in detail.split())
    if detail and all(word in _SCHEMA_WORDS or word in answer.names for word in words if word):
        return f"{general}: {detail.strip(' .')}"
    return general or answer.code


def _limited(answer: _Answer) -> Exception:
    return ThrottledError(
        f"AWS refused {answer.operation} on the table {answer.table!r} ({answer.code}): AWS limits the tables of an"
        " account and concurrent table operations. Wait a minute and call ensure_table() again, or request more in Service Quotas."
    )


_refused_credentials = _error(
    CredentialsError,
    "AWS did not accept the credentials ({code}). Check the keys, that they have not expired, and the clock of this machine.",
)
_too_fast = _error(
    ThrottledError,
    "DynamoDB throttled {operation} on the table {table!r} ({code}), on each of {tries} tries. Raise its capacity, or use"
    " billing_mode PAY_PER_REQUEST.",
)
_TABLE_OPERATIONS = {"CreateTable", "DescribeTable", "UpdateTimeToLive", "DescribeTimeToLive"}


def _throttled(answer: _Answer) -> Exception:
    return (_limited if answer.operation in _TABLE_OPERATIONS else _too_fast)(answer)


_conflict = _error(
    UnavailableError,
    "DynamoDB did not apply {operation} on the table {table!r} ({code}): another writer was writing the same item, on each of"
    " {tries} tries. Try again.",
)
_failed = _error(
    UnavailableError, "DynamoDB answered {operation} with {status} ({code}), on each of {tries} tries."
)
_unknown = _error(
    BackendError,
    "DynamoDB answered {operation} on the table {table!r} with {code} ({status}). Check that the endpoint is DynamoDB's,"
    " and look up the code in 'Error handling with DynamoDB' (AWS).",
)

_BY_CODE: Mapping[str, Callable[[_Answer], Exception]] = {
    "ConditionalCheckFailedException": lambda answer: ConditionFailed(answer.item),
    "AccessDenied": _access_denied,
    "AccessDeniedException": _access_denied,
    "ExpiredToken": _refused_credentials,
    "ExpiredTokenException": _refused_credentials,
    "IncompleteSignatureException": _refused_credentials,
    "InvalidClientTokenId": _refused_credentials,
    "InvalidSignatureException": _refused_credentials,
    "MissingAuthenticationToken": _refused_credentials,
    "MissingAuthenticationTokenException": _refused_credentials,
    "RequestExpired": _refused_credentials,
    "UnrecognizedClientException": _refused_credentials,
    "LimitExceededException": _limited,
    "ProvisionedThroughputExceededException": _throttled,
    "RequestLimitExceeded": _throttled,
    "Throttling": _throttled,
    "ThrottlingException": _throttled,
    "ResourceInUseException": _error(
        TableInUse, "The table {table!r} exists, or is being created or deleted."
    ),
    "ResourceNotFoundException": _error(
        TableNotFoundError,
        "There is no table {table!r} in this region. Create it, check table_name and aws_config.region, or leave"
        " create_table_on_init on.",
    ),
    "ItemCollectionSizeLimitExceededException": _too_large,
    "ValidationException": _invalid,
    **dict.fromkeys(CONFLICT_CODES, _conflict),
}

ENDPOINT_IS_NONE = (
    "The endpoint in the environment or the AWS profile is not a valid URL. Set AWS_ENDPOINT_URL_DYNAMODB,"
    " AWS_ENDPOINT_URL or aws_config.endpoint_url to scheme and host, such as http://localhost:8000. Only"
    " aws_config.endpoint_url (VOICE_DB_AWS_CONFIG__ENDPOINT_URL) accepts a host name with an underscore."
)
_UNREACHABLE = (
    "DynamoDB could not be reached for {operation} ({kind}). Check the region (aws_config.region), the endpoint and"
    " the network."
)
_BY_EXCEPTION: Mapping[str, tuple[type[BackendError], str]] = {
    "NoRegionError": (
        BackendError,
        "No AWS region is set. Set aws_config.region, or AWS_DEFAULT_REGION in the environment.",
    ),
    "HTTPClientError": (UnavailableError, _UNREACHABLE),
    "ConnectionError": (UnavailableError, _UNREACHABLE),
    "ChecksumError": (UnavailableError, _UNREACHABLE),
    "ResponseParserError": (UnavailableError, _UNREACHABLE),
    "BotoCoreError": (
        BackendError,
        "The AWS configuration does not work ({kind}). Check aws_config and the AWS profile.",
    ),
    "JSONDecodeError": (
        UnavailableError,
        "The response to {operation} is not JSON. Check the endpoint, and any proxy in between.",
    ),
}
"""By the class name of an exception of botocore or orjson, or of its nearest base class."""


def api_name(operation: str) -> str:
    """The DynamoDB API name (`GetItem`) of a client operation (`get_item`)."""
    return "".join(part.capitalize() for part in operation.split("_"))


def typed(error: Exception, operation: str, table: str, config: DynamoDbConfig) -> Exception | None:
    """This library's error for an exception that botocore raised in an operation (`get_item`) on a table.

    None for an exception that has nothing to do with DynamoDB or the connection to it.
    """
    from botocore.exceptions import ClientError

    name = api_name(operation)
    if isinstance(error, ClientError):
        return _answered(error.response, name, table, config)
    if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):
        return BackendError(ENDPOINT_IS_NONE)
    for base in type(error).__mro__:
        if base.__name__ in _BY_EXCEPTION and base.__module__.startswith(("botocore", "aiobotocore", "json")):
            kind, text = _BY_EXCEPTION[base.__name__]
            return kind(text.format(operation=name, kind=type(error).__name__))
    return None


def _answered(response: Any, operation: str, table: str, config: DynamoDbConfig) -> Exception:
    answer = _Answer(
        operation=operation,
        table=table,
        names=_names(config),
        tries=config.max_attempts,
        code=response["Error"].get("Code", ""),
        message=response["Error"].get("Message", ""),
        status=response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
        item=response.get("Item"),
    )
    return _BY_CODE.get(answer.code, _failed if answer.status >= 500 else _unknown)(answer)


def _names(config: DynamoDbConfig) -> frozenset[str]:
    indexes = config.global_secondary_indexes
    return frozenset(
        [
            config.table_name,
            config.conversations_table_name,
            PARTITION_KEY_OF_CONVERSATIONS,
            SORT_KEY_OF_CONVERSATIONS,
            *(name for name, _, _ in config.key_schema),
            *(index.index_name for index in indexes),
            *(key.attribute_name for index in indexes for key in index.keys),
        ]
    )
