"""What DynamoDB and botocore answer, as this library's errors.

One table for the codes that DynamoDB answers with, one for the exceptions that botocore raises: a new error is a
row here and a class in `errors`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from async_dynamo_store.errors import (
    AccessDeniedError,
    BackendError,
    CredentialsError,
    ItemTooLargeError,
    TableNotFoundError,
    ThrottledError,
    UnavailableError,
)

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.wire.values import Item

_NOT_AUTHORIZED = re.compile(r"not authorized to perform: (\w+:\w+)")


class ConditionFailed(Exception):
    """The condition of a write does not hold; `item` is what is stored, None when nothing is."""

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


class InvalidRequest(BackendError):
    """DynamoDB found the request itself wrong (ValidationException), as it does when the table has another key schema."""


class TableInUse(BackendError):
    """The table to be created exists, or is being created or deleted."""


class _Answer(NamedTuple):
    """An answer that is an error: the operation's name in the API, the table, and what DynamoDB said."""

    operation: str
    table: str
    tries: int
    code: str
    message: str
    status: int
    item: Item | None


def _error(kind: type[BackendError], text: str) -> Callable[[_Answer], Exception]:
    """Makes an error of this kind, with the fields of the answer filled in."""
    return lambda answer: kind(text.format(**answer._asdict()))


def _access_denied(answer: _Answer) -> Exception:
    named = _NOT_AUTHORIZED.search(answer.message)
    action = named.group(1) if named else f"dynamodb:{answer.operation}"
    return AccessDeniedError(
        f"IAM does not allow {action} on the table {answer.table!r}. Add it to the role's policy.", action
    )


def _too_large(answer: _Answer) -> Exception:
    return ItemTooLargeError(
        "The user item would be over DynamoDB's 400 KB with what others have stored in it. Shorten it."
    )


def _invalid(answer: _Answer) -> Exception:
    if "exceeded the maximum allowed size" in answer.message:
        return _too_large(answer)
    return InvalidRequest(
        f"DynamoDB refused {answer.operation} on the table {answer.table!r} as invalid ({answer.code})."
    )


_refused_credentials = _error(
    CredentialsError,
    "AWS did not accept the credentials ({code}). Check the keys, that they have not expired, and the clock of this machine.",
)
_throttled = _error(
    ThrottledError,
    "DynamoDB throttled {operation} on the table {table!r} ({code}), on each of {tries} tries. Raise its capacity, or use"
    " billing_mode PAY_PER_REQUEST.",
)
_failed = _error(
    UnavailableError, "DynamoDB answered {operation} with {status} ({code}), on each of {tries} tries."
)
_unknown = _error(
    BackendError,
    "DynamoDB answered {operation} on the table {table!r} with {code} ({status}). Check that the endpoint is DynamoDB's,"
    " and look the code up in 'Error handling with DynamoDB' (AWS).",
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
    "LimitExceededException": _throttled,
    "ProvisionedThroughputExceededException": _throttled,
    "ReplicatedWriteConflictException": _throttled,
    "RequestLimitExceeded": _throttled,
    "Throttling": _throttled,
    "ThrottlingException": _throttled,
    "ResourceInUseException": _error(TableInUse, "The table {table!r} exists, or is being made or deleted."),
    "ResourceNotFoundException": _error(
        TableNotFoundError,
        "There is no table {table!r} in this region. Create it, check table_name and aws_config.region, or leave"
        " create_table_on_init on.",
    ),
    "ItemCollectionSizeLimitExceededException": _too_large,
    "ValidationException": _invalid,
}

_NO_CREDENTIALS = (
    "No AWS credentials were found. On AWS give the function a role; elsewhere set aws_config, AWS_PROFILE, or"
    " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
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
    "NoCredentialsError": (CredentialsError, _NO_CREDENTIALS),
    "PartialCredentialsError": (CredentialsError, _NO_CREDENTIALS),
    "CredentialRetrievalError": (CredentialsError, _NO_CREDENTIALS),
    "ProfileNotFound": (CredentialsError, _NO_CREDENTIALS),
    "SSOError": (CredentialsError, _NO_CREDENTIALS),
    "TokenRetrievalError": (CredentialsError, _NO_CREDENTIALS),
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
        "What answered {operation} sent no JSON. Check the endpoint, and proxies on the way.",
    ),
}
"""By the name of an exception of botocore's or orjson's, or of one of its bases; the nearest base counts."""


def typed(error: Exception, operation: str, config: DynamoDbConfig) -> Exception | None:
    """This library's error for what botocore raised in an operation (`get_item`).

    None for an error that does not come from DynamoDB or from the path to it.
    """
    from botocore.exceptions import ClientError

    name = "".join(part.capitalize() for part in operation.split("_"))
    if isinstance(error, ClientError):
        return _answered(error.response, name, config)
    if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):
        return BackendError(
            "aws_config.endpoint_url is not a URL. Give the whole of it, such as http://localhost:8000."
        )
    for base in type(error).__mro__:
        if base.__name__ in _BY_EXCEPTION and base.__module__.startswith(("botocore", "aiobotocore", "json")):
            kind, text = _BY_EXCEPTION[base.__name__]
            return kind(text.format(operation=name, kind=type(error).__name__))
    return None


def _answered(response: Any, operation: str, config: DynamoDbConfig) -> Exception:
    answer = _Answer(
        operation=operation,
        table=config.table_name,
        tries=config.max_attempts,
        code=response["Error"].get("Code", ""),
        message=response["Error"].get("Message", ""),
        status=response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
        item=response.get("Item"),
    )
    return _BY_CODE.get(answer.code, _failed if answer.status >= 500 else _unknown)(answer)


def check_answer(*, response_dict: Any, operation_model: Any, **_: Any) -> None:
    """A hook of botocore's, before it parses: a 200 that is not DynamoDB's, such as a proxy's page, is no empty answer."""
    if response_dict["status_code"] != 200:
        return
    kind = response_dict["headers"].get("content-type", "nothing")
    if not kind.startswith("application/x-amz-json"):
        raise UnavailableError(
            f"What answered {operation_model.name} is not DynamoDB (it sent {kind}). Check the endpoint, and"
            " proxies on the way."
        )
    orjson.loads(response_dict["body"])
