"""Random configurations, concurrent changes, faults and deletes: what was acknowledged is stored, and nothing else is.

Each change leaves a mark of its own. After each group of concurrent changes, the marks that are stored have to be those of
some order in which the changes were made one after the other.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from async_dynamo_store import (
    AsyncDynamoStore,
    ConflictError,
    ThrottledError,
    UnavailableError,
    UserRecord,
)
from async_dynamo_store.layouts import LAYOUTS, LayoutName
from async_dynamo_store.wire.codec import decode, encode
from tests.faults.proxy import Fault, FaultProxy
from tests.faults.table import open_store, session

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

UNTOLD = (UnavailableError, ThrottledError)
"""Errors that do not tell whether the write was done."""

FAULTS = [
    *(Fault.reset_before, Fault.drop_before, Fault.server_error, Fault.throttle),
    *(Fault.reset_answer, Fault.drop_answer, Fault.half_answer, Fault.server_error_after),
]
YEAR = 365 * 86400
KEPT = [0, -1, -6 * YEAR, 6 * YEAR]
"""Times to live, as seconds from now (0 and less than nothing: as they stand), with which DynamoDB deletes no item."""


class Member(BaseModel):
    name: str
    seen: int = 0


class Profile(BaseModel):
    lines: list[str] = []
    notes: dict[str, int] = {}
    count: int = 0
    members: list[Member] = []


@dataclass(frozen=True)
class Setting:
    """What a store is opened with."""

    layout: LayoutName
    has_model: bool
    on_conflict: str
    accelerate: bool
    prefix: str
    has_ttl: bool
    expires: int
    has_session: bool
    history: int
    has_index: bool

    def options(self) -> dict[str, Any]:
        is_jovos = self.layout in ("jovo4", "jovo3")
        elements: dict[str, Any] = {
            "session": self.has_session and is_jovos,
            "history": {"size": self.history} if self.history and is_jovos else False,
        }
        index = {
            "index_name": "by-count",
            "keys": [{"attribute_name": "theCount", "attribute_type": "N", "path": "count"}],
        }
        return {
            "layout": self.layout,
            "on_conflict": self.on_conflict,
            "accelerate": self.accelerate,
            "primary_key_prefix": self.prefix,
            "ttl": {"attribute": "expires", "after_seconds": 3600} if self.has_ttl else None,
            "stored_elements": elements,
            "global_secondary_indexes": [index] if self.has_index else [],
            "timeout_seconds": 60,
        }


settings_of_stores = st.builds(
    Setting,
    layout=st.sampled_from(list(LAYOUTS)),
    has_model=st.booleans(),
    on_conflict=st.sampled_from(["merge", "merge", "raise"]),
    accelerate=st.booleans(),
    prefix=st.sampled_from(["", "voice#"]),
    has_ttl=st.booleans(),
    expires=st.sampled_from(KEPT),
    has_session=st.booleans(),
    history=st.sampled_from([0, 2]),
    has_index=st.booleans(),
)
KINDS = (
    "append",
    "append in a turn",
    "note",
    "note in a turn",
    "count",
    "count in a turn",
    "member in a turn",
)
ALONE = ("reverse the members", "another program marks a member")
"""What writes a list whole, so that a change beside it could be lost by rule (guarantees.md)."""

groups = st.lists(
    st.tuples(
        st.lists(st.sampled_from([*KINDS, *KINDS, "delete"]), min_size=1, max_size=4)
        | st.sampled_from(ALONE).map(lambda kind: [kind]),
        st.lists(st.sampled_from([None, None, *FAULTS]), max_size=6),
    ),
    min_size=1,
    max_size=8,
)


@dataclass
class Told:
    """What the callers were told: the marks that have to be stored, and those that may be."""

    sure: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    counted: int = 0
    maybe_counted: int = 0

    def forget(self) -> None:
        """The user was deleted."""
        self.maybe |= self.sure
        self.sure = set()
        self.maybe_counted += self.counted
        self.counted = 0


class History:
    """One user in one configuration, and what became of it."""

    def __init__(
        self, setting: Setting, store: AsyncDynamoStore[Any], client: DynamoDBClient, user_id: str
    ) -> None:
        self.setting, self.store, self.client, self.user_id = setting, store, client, user_id
        self.layout = LAYOUTS[setting.layout]
        self.told = Told()
        self.marks = count()

    async def begin(self) -> None:
        """A user as another program has left it: with a time to live that keeps it, and keys that no model knows."""
        data = {"lines": ["first"], "notes": {}, "count": 0, "members": [], "of another": {"kept": True}}
        value: dict[str, Any] = data
        for name in reversed(self.layout.data):
            value = {name: value}
        expires = self.setting.expires
        at = expires if abs(expires) < YEAR else int(time.time()) + expires
        item = encode({**value, "expires": at})["M"] | self._key
        await self.client.put_item(TableName=self.store.config.table_name, Item=item)
        self.told.sure = {"first"}

    @property
    def _key(self) -> dict[str, Any]:
        return {self.store.config.primary_key: {"S": self.setting.prefix + self.user_id}}

    async def group(self, kinds: list[str]) -> None:
        """Changes at once."""
        told, before = self.told, self.told.sure | self.told.maybe
        outcomes = await asyncio.gather(*(self._change(kind, f"m{next(self.marks)}") for kind in kinds))
        marks = [(mark, error) for kind, mark, error in outcomes if kind == "mark"]
        counts = [error for kind, _, error in outcomes if kind == "count"]
        deletes = [error for kind, _, error in outcomes if kind == "delete"]
        if deletes:  # what came beside a delete may be on either side of it
            told.forget()
            told.maybe |= {mark for mark, _ in marks}
            told.maybe_counted += len(counts)
        else:
            told.sure |= {mark for mark, error in marks if error is None}
            told.maybe |= {mark for mark, error in marks if error is not None}
            told.counted += counts.count(None)
            told.maybe_counted += len(counts) - counts.count(None)
        if None in deletes:  # what was there before is gone, and no turn that had loaded it brings it back
            told.maybe -= before
            told.maybe_counted = len(counts)

    async def check(self) -> None:
        """What is stored is what some order of the changes leaves."""
        data = await self._stored()
        found = {
            *data.get("lines", []),
            *data.get("notes", {}),
            *(member["name"] for member in data.get("members", [])),
        }
        told = self.told
        assert told.sure <= found, f"lost: {told.sure - found}"
        assert found <= told.sure | told.maybe, f"nobody made: {found - told.sure - told.maybe}"
        total = data.get("count", 0)
        assert told.counted <= total <= told.counted + told.maybe_counted
        for member in data.get("members", []):
            assert member.get("belongs to", member["name"]) == member["name"]
        if "first" in told.sure:
            assert data["of another"] == {"kept": True}
        marks = [*data.get("lines", []), *(member["name"] for member in data.get("members", []))]
        assert len(marks) == len(set(marks)), "something was done twice"
        # From here on it is known which of the doubtful ones are there.
        told.sure, told.maybe = found, set()
        told.counted, told.maybe_counted = total, 0

    async def _stored(self) -> dict[str, Any]:
        answer = await self.client.get_item(
            TableName=self.store.config.table_name, Key=self._key, ConsistentRead=True
        )
        value: Any = decode({"M": dict(answer.get("Item", {}))})
        for name in self.layout.data:
            value = value.get(name, {})
        found: dict[str, Any] = value
        return found

    async def _change(self, kind: str, mark: str) -> tuple[str, str, Exception | None]:
        """What kind of trace it leaves, its mark, and the error that leaves it open whether it was made."""
        trace = "delete" if kind == "delete" else "count" if kind.startswith("count") else "mark"
        try:
            await self._make(kind, mark)
        except UNTOLD as error:
            return trace if kind not in ALONE else "none", mark, error
        except ConflictError:
            return "none", mark, None  # nothing of it was written
        return trace if kind not in ALONE else "none", mark, None

    async def _make(self, kind: str, mark: str) -> None:
        store, user_id = self.store, self.user_id
        match kind:
            case "append":
                await store.append(user_id, "lines", mark)
            case "note":
                await store.set(user_id, f"notes.{mark}", 1)
            case "count":
                await store.increment(user_id, "count")
            case "delete":
                await store.delete(user_id)
            case "another program marks a member":
                await self._mark_a_member()
            case _:
                async with store.turn(user_id) as user:
                    self._in_turn(kind, mark, user)
                    await asyncio.sleep(0)

    def _in_turn(self, kind: str, mark: str, user: UserRecord[Any]) -> None:
        """The same on a model and on a dict."""
        data = user.data
        is_dict = isinstance(data, dict)
        lines, notes, members = (
            (data.get("lines"), data.setdefault("notes", {}), data.get("members"))
            if is_dict
            else (data.lines, data.notes, data.members)
        )
        match kind:
            case "append in a turn":
                # A dict has no list where there is none: only `append` says that it is one to append to.
                lines.append(mark) if lines else user.append("lines", mark)
            case "note in a turn":
                notes[mark] = 1
            case "count in a turn":
                user.increment("count")
            case "member in a turn":
                member = {"name": mark} if is_dict else Member(name=mark)
                members.append(member) if members else user.append("members", member)
            case _:
                (members or []).reverse()

    async def _mark_a_member(self) -> None:
        """It writes a key that no model knows, and that says to whom it belongs."""
        members = (await self._stored()).get("members", [])
        index, member = next(
            ((index, member) for index, member in enumerate(members) if "belongs to" not in member), (0, None)
        )
        if member is None:
            return
        path = ".".join(f"#{depth}" for depth in range(len(self.layout.data)))
        await self.client.update_item(
            TableName=self.store.config.table_name,
            Key=self._key,
            UpdateExpression=f"SET {path}.members[{index}].#belongs = :name",
            ExpressionAttributeNames={
                "#belongs": "belongs to",
                **{f"#{depth}": name for depth, name in enumerate(self.layout.data)},
            },
            ExpressionAttributeValues={":name": {"S": member["name"]}},
        )


def run_histories(examples: int, aws_config: dict[str, str], table_name: str, *, derandomize: bool) -> None:
    """Every history has a table of its own."""
    numbers = count()
    with asyncio.Runner() as runner:

        @settings(
            max_examples=examples,
            derandomize=derandomize,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(setting=settings_of_stores, script=groups)
        def tell(setting: Setting, script: list[tuple[list[str], list[Fault | None]]]) -> None:
            runner.run(one_history(aws_config, f"{table_name}-{next(numbers)}", setting, script))

        tell()


async def one_history(
    aws_config: dict[str, str],
    table_name: str,
    setting: Setting,
    script: list[tuple[list[str], list[Fault | None]]],
) -> None:
    async with FaultProxy(aws_config["endpoint_url"]) as proxy, straight(aws_config) as client:
        proxied = aws_config | {"endpoint_url": proxy.endpoint_url}
        model = Profile if setting.has_model else None
        store = open_store(proxied, table_name, data_model=model, **setting.options())
        async with store:
            await store.ensure_table()
            history = History(setting, store, client, "ada")
            await history.begin()
            for kinds, faults in script:
                note(f"{kinds} meet {faults}")
                proxy.script(faults)
                await history.group(kinds)
                await proxy.heal()
                await history.check()
        await client.delete_table(TableName=table_name)


def straight(aws_config: dict[str, str]) -> AbstractAsyncContextManager[DynamoDBClient]:
    """A client past the proxy."""
    return session().client(
        "dynamodb",
        aws_access_key_id=aws_config["access_key_id"],
        aws_secret_access_key=aws_config["secret_access_key"],
        region_name=aws_config["region"],
        endpoint_url=aws_config["endpoint_url"],
    )


def test_every_history_is_one_that_could_be(aws_config: dict[str, str], table_name: str) -> None:
    run_histories(15, aws_config, table_name, derandomize=True)


@pytest.mark.soak
def test_every_history_of_many_more_is_one_that_could_be(aws_config: dict[str, str], table_name: str) -> None:
    run_histories(600, aws_config, table_name, derandomize=False)
