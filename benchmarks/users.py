"""The names and ids of the benchmark's users; light enough to be part of a measured cold start."""

from __future__ import annotations

from datetime import UTC, datetime

TABLE_NAME = "Users"
KEY_COLUMN = "userId"
SCORE = 9
"""What a stored user has in `user.data.score`, before a turn adds one."""

_USER_ID = "amzn1.ask.account.BENCHMARK"
_USER_ID_DIGITS = 6
USER_ID_LENGTH = len(_USER_ID) + _USER_ID_DIGITS
USER_ID_START = _USER_ID.encode()


def user_id(number: int) -> str:
    """The id of benchmark user `number`; all ids have one length, so all items have one size."""
    return f"{_USER_ID}{number:0{_USER_ID_DIGITS}d}"


def now() -> str:
    """This moment as Jovo writes `updatedAt`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
