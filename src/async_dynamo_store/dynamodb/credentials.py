"""Resolves credentials before each request; every failure is a `CredentialsError`.

In botocore each source of credentials raises different errors: `FileNotFoundError` for a token file, `JSONDecodeError`
for a process, `ClientError` for STS. Here each error becomes a message that names the source and says what to do. The
output of the source is not shown, because it may contain a secret. The original error is chained as `__cause__`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from traceback import walk_tb
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

from async_dynamo_store.errors import CredentialsError

if TYPE_CHECKING:
    from .fast.private import Credentials, Keys

NO_CREDENTIALS = (
    "No AWS credentials were found. On AWS, give the function a role; elsewhere, set aws_config, AWS_PROFILE, or"
    " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)


class _Source(NamedTuple):
    """A source of credentials: its name for messages, and advice if it fails. `{profile}` is filled in."""

    name: str
    advice: str


_PROFILE_FILES = "~/.aws/config and ~/.aws/credentials"
_SOURCES: Mapping[str, _Source] = {
    "explicit": _Source("aws_config", "Set both access_key_id and secret_access_key."),
    "env": _Source("the environment", "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    "assume-role": _Source(
        "the role of the AWS profile {profile!r} (STS AssumeRole)",
        "Check role_arn and source_profile in ~/.aws/config, and that the role trusts the identity that assumes it.",
    ),
    "assume-role-with-web-identity": _Source(
        "the web identity token (STS AssumeRoleWithWebIdentity)",
        "Check AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, and that the role trusts the token's issuer.",
    ),
    "sso": _Source(
        "AWS IAM Identity Center (SSO)",
        "Run `aws sso login --profile {profile}`, and check the sso_ settings of the profile.",
    ),
    "custom-process": _Source(
        "the credential_process of the AWS profile {profile!r}",
        "Run the command by hand: it must print the JSON that AWS describes in 'Sourcing credentials with an external"
        " process', and end within timeout_seconds.",
    ),
    "container-role": _Source(
        "the container's credentials endpoint (ECS, EKS Pod Identity)",
        "Check the task's role, and AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI.",
    ),
    "iam-role": _Source(
        "the EC2 instance metadata service",
        "Check that the instance has a profile with a role, and the metadata options (hop limit, IMDSv2).",
    ),
    "shared-credentials-file": _Source(
        "~/.aws/credentials", "Give the profile {profile!r} both aws_access_key_id and aws_secret_access_key."
    ),
    "config-file": _Source(
        "~/.aws/config", "Give the profile {profile!r} both aws_access_key_id and aws_secret_access_key."
    ),
}
"""By botocore's name for the provider (`CredentialProvider.METHOD`)."""
_ANY_SOURCE = _Source("the AWS default chain", "Check aws_config, AWS_PROFILE and the role.")


class CredentialsStep:
    """Resolves the credentials of one client; `credentials` is None for a client that does not sign."""

    def __init__(self, credentials: Credentials | None, profile: str) -> None:
        self._credentials = credentials
        self._profile = profile

    async def keys(self) -> Keys | None:
        """The current signing keys, refreshed if they are about to expire.

        Raises `CredentialsError`.
        """
        if self._credentials is None:
            return None
        try:
            return await self._credentials.get_frozen_credentials()
        except Exception as error:
            ours = credentials_error(error, self._profile)
            raise ours or _failure(self._method, self._profile, _reason(error)) from error

    def raise_overdue(self, error: TimeoutError) -> NoReturn:
        """Raise `CredentialsError` because the keys did not arrive in time."""
        raise _overdue(self._method, self._profile) from error

    @property
    def _method(self) -> str:
        return getattr(self._credentials, "method", "")


def credentials_error(error: Exception, profile: str) -> CredentialsError | None:
    """The `CredentialsError` for an exception raised while credentials were resolved or refreshed.

    None if the exception has another origin.
    """
    from botocore.exceptions import NoCredentialsError, ProfileNotFound

    if isinstance(error, ProfileNotFound):
        return CredentialsError(
            f"There is no AWS profile {error.kwargs.get('profile')!r} in {_PROFILE_FILES}. Add it, or set aws_config.profile or"
            " AWS_PROFILE to an existing one."
        )
    if isinstance(error, NoCredentialsError):
        return CredentialsError(NO_CREDENTIALS)
    source = _source(frame for frame, _ in walk_tb(error.__traceback__))
    return _failure(source, profile, _reason(error)) if source else None


def overdue_error(opening: asyncio.Task[None], profile: str) -> CredentialsError | None:
    """The error for a client that was not opened in time because its task still waits for a source of credentials.

    None if it waits for something else.
    """
    source = _source(_frames(opening))
    return _overdue(source, profile) if source else None


def end_process(opening: asyncio.Task[None]) -> bool:
    """End the credential_process that a client waits for; return whether there is one.

    Cancelling the task would leave the process running.
    """
    values = (value for frame in _frames(opening) for value in frame.f_locals.values())
    process = next((value for value in values if isinstance(value, asyncio.subprocess.Process)), None)
    if process:
        # kill() is not enough: a child of the process may hold its pipes open.
        cast("Any", process)._transport.close()  # noqa: SLF001 - asyncio has no other way to close the pipes
    return process is not None


def _failure(source: str, profile: str, reason: str) -> CredentialsError:
    name, advice = (text.format(profile=profile) for text in _SOURCES.get(source, _ANY_SOURCE))
    return CredentialsError(f"No AWS credentials came from {name}: {reason}. {advice}")


def _overdue(source: str, profile: str) -> CredentialsError:
    failure = _failure(source, profile, "it took longer than timeout_seconds")
    return CredentialsError(f"{failure} If it only needs more time, raise timeout_seconds.")


def _source(frames: Iterable[FrameType]) -> str | None:
    """The botocore name of the innermost source of credentials in these frames; a role may depend on an SSO profile.

    Few errors name their source, so it is read from the stack frames.
    """
    from botocore.credentials import CredentialProvider
    from botocore.credentials import Credentials as BotocoreCredentials

    source: str | None = None
    for frame in frames:
        owner = frame.f_locals.get("self")
        if isinstance(owner, CredentialProvider):
            source = owner.METHOD
        elif isinstance(owner, BotocoreCredentials):
            source = owner.method
    return source


def _frames(task: asyncio.Task[None]) -> Iterator[FrameType]:
    """The frames of the coroutines that a task is waiting in, outermost first."""
    waiting: Any = task.get_coro()
    while frame := getattr(waiting, "cr_frame", None):
        yield frame
        waiting = waiting.cr_await


def _reason(error: Exception) -> str:
    from botocore.exceptions import ClientError

    match error:
        case ClientError():
            code = error.response.get("Error", {}).get("Code", "")
            return f"{error.operation_name} was answered with {code}"
        case json.JSONDecodeError() | UnicodeDecodeError():
            return "its output is not JSON"
        case FileNotFoundError() | PermissionError():
            return f"the file {error.filename!r} cannot be read ({type(error).__name__})"
        case RuntimeError() if "still expired" in str(error):
            return "its credentials have expired"
        case _:
            return f"it failed ({type(error).__name__})"
