"""Random configurations, concurrent changes, faults and deletes: what was acknowledged is stored, and nothing else is.

Each change leaves a mark of its own. After each group of concurrent changes, the marks that are stored have to be those of
some order in which the changes were made one after the other.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from copy import deepcopy
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
    Turn,
    UnavailableError,
    UserRecord,
    VoiceApp,
)
from async_dynamo_store.layouts import LAYOUTS, LayoutName
from async_dynamo_store.wire.codec import decode, encode
from tests.faults.proxy import Fault, FaultProxy
from tests.faults.table import open_store, straight
from tests.unit.requests.sample import sample

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

# Many requests of few lines, which other tests measure.
pytestmark = [pytest.mark.others_in_soak, pytest.mark.unmeasured]

USER = "ada"
UNTOLD = (UnavailableError, ThrottledError)
"""Errors that do not tell whether the write was done."""

FAULTS = [
    *(Fault.reset_before, Fault.drop_before, Fault.server_error, Fault.throttle),
    *(Fault.reset_answer, Fault.drop_answer, Fault.half_answer, Fault.server_error_after),
]
YEAR = 365 * 86400
SOON, EXPIRED = 600, -600
TIMES_TO_LIVE = [0, -1, -6 * YEAR, 6 * YEAR, SOON, EXPIRED]
"""Of the user that another program has left, as seconds from now (0 and -1: as they stand). Only one is over."""


class Member(BaseModel):
    name: str
    seen: int = 0


class Profile(BaseModel):
    lines: list[str] = []
    notes: dict[str, int] = {}
    count: int = 0
    score: int = 10
    tally: dict[int, int] = {}
    members: list[Member] = []


@dataclass(frozen=True)
class Setting:
    """What the stores are opened with."""

    layout: LayoutName
    has_model: bool
    on_conflict: str
    accelerate: bool
    prefix: str
    has_sort_key: bool
    has_ttl: bool
    expires: int
    has_session: bool
    history: int
    has_index: bool

    @property
    def is_jovos(self) -> bool:
        """Whether the layout has a place for a session and a history."""
        return LAYOUTS[self.layout].history is not None

    @property
    def is_expired(self) -> bool:
        return self.has_ttl and self.expires == EXPIRED

    @property
    def keeps_all_turns(self) -> bool:
        """Whether the history is longer than any test."""
        return self.is_jovos and self.history > 2

    def options(self) -> dict[str, Any]:
        elements: dict[str, Any] = {
            "session": self.has_session and self.is_jovos,
            "history": {"size": self.history} if self.history and self.is_jovos else False,
        }
        index = {
            "index_name": "by-count",
            "keys": [{"attribute_name": "theCount", "attribute_type": "N", "path": "count"}],
        }
        sort_key = {"sort_key_column": "kind", "sort_key": "user"} if self.has_sort_key else {}
        return {
            "layout": self.layout,
            "on_conflict": self.on_conflict,
            "primary_key_prefix": self.prefix,
            "ttl": {"attribute": "expires", "after_seconds": 3600} if self.has_ttl else None,
            "stored_elements": elements,
            "global_secondary_indexes": [index] if self.has_index else [],
            "timeout_seconds": 60,
            **sort_key,
        }


settings_of_stores = st.builds(
    Setting,
    layout=st.sampled_from(list(LAYOUTS)),
    has_model=st.booleans(),
    on_conflict=st.sampled_from(["merge", "merge", "raise", "overwrite"]),
    accelerate=st.booleans(),
    prefix=st.sampled_from(["", "voice#"]),
    has_sort_key=st.booleans(),
    has_ttl=st.booleans(),
    expires=st.sampled_from(TIMES_TO_LIVE),
    has_session=st.booleans(),
    history=st.sampled_from([0, 2, 50]),
    has_index=st.booleans(),
)
VERBS = ("append", "note", "unset a note", "count", "score", "tally", "seen", "update", "idle turn")
TURNS = (
    "append in a turn",
    "append after a refresh",
    "note in a turn",
    "unset a note in a turn",
    "count in a turn",
    "score in a turn",
    "tally in a turn",
    "member in a turn",
    "app",
    "nothing in a turn",
)
LONG_TURNS = ("begin", "finish")
"""Turns that are open while other groups of changes are made."""

DELETES = ("delete", "delete in a turn")
ALONE = ("reverse the members", "pop a line", "another program marks a member")
"""What writes a list whole, so that a change beside it could be lost by rule (guarantees.md)."""

COUNTERS = ("count", "score", "tally", "seen")

kinds = st.sampled_from([*VERBS, *TURNS, *TURNS]) | st.sampled_from([*LONG_TURNS, *DELETES])
groups = st.lists(
    st.tuples(
        st.lists(kinds, min_size=1, max_size=4) | st.sampled_from(ALONE).map(lambda kind: [kind]),
        st.lists(st.sampled_from([None, None, *FAULTS]), max_size=6),
    ),
    min_size=1,
    max_size=8,
)


@dataclass
class Change:
    """One change, and what became of it: the marks that it makes or removes, and the counter that it moves."""

    kind: str
    mark: str
    makes: set[str] = field(default_factory=set)
    removes: set[str] = field(default_factory=set)
    counts: str = ""
    error: Exception | None = None

    @property
    def is_sure(self) -> bool:
        return self.error is None


@dataclass
class OpenTurn:
    """A turn between its load and its save.

    `may_be_deleted`: somebody has tried to delete its user since; `is_deleted`: somebody has, and the item that was loaded
    tells whose it was.
    """

    record: UserRecord[Any]
    store: AsyncDynamoStore[Any]
    change: Change
    may_be_deleted: bool = False
    is_deleted: bool = False

    @property
    def has_identity(self) -> bool:
        loaded = self.record.loaded
        return bool(loaded and loaded.item and "id" in loaded.item.get("_store", {"M": {}})["M"])


@dataclass
class Told:
    """What the callers were told: the marks that have to be stored, and those that may be; the same of what was counted."""

    sure: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    counted: Counter[str] = field(default_factory=Counter)
    maybe_counted: Counter[str] = field(default_factory=Counter)

    def forget(self) -> None:
        """The user was deleted, or not."""
        self.maybe |= self.sure
        self.sure = set()
        self.maybe_counted += self.counted
        self.counted = Counter()

    def note(self, change: Change, *, is_sure: bool) -> None:
        """A change was made, or it is not known whether it was."""
        if is_sure:
            self.sure |= change.makes
            self.sure -= change.removes
            self.maybe -= change.removes
        else:
            self.maybe |= change.makes | (self.sure & change.removes)
            self.sure -= change.removes
        if change.counts:
            (self.counted if is_sure else self.maybe_counted)[change.counts] += 1


class History:
    """One user in one configuration, and what became of it."""

    def __init__(self, setting: Setting, stores: list[AsyncDynamoStore[Any]], client: DynamoDBClient) -> None:
        self.setting, self.stores, self.client = setting, stores, client
        self.layout = LAYOUTS[setting.layout]
        self.apps = [app_of(store) for store in stores]
        self.told = Told()
        self.marks = count(1)
        self.open: list[OpenTurn] = []
        self.notes: set[str] = set()
        """Those that are stored."""
        self.may_see = False
        """Whether there is a first member, and nobody deletes it."""
        self.latest: set[str] = set()
        """The marks of which one is the last that a turn of the app has left; empty when that is not known."""

    async def begin(self) -> None:
        """A user as another program has left it: with a time to live, and keys that no model knows."""
        data = {"lines": ["first"], "notes": {}, "count": 0, "members": [], "of another": {"kept": True}}
        value: dict[str, Any] = data
        for name in reversed(self.layout.data):
            value = {name: value}
        expires = self.setting.expires
        at = expires if expires in (0, -1) else int(time.time()) + expires
        item = encode({**value, "expires": at})["M"] | self._key
        await self.client.put_item(TableName=self._table, Item=item)
        self.told.sure = set() if self.setting.is_expired else {"first"}

    @property
    def _table(self) -> str:
        return self.stores[0].config.table_name

    @property
    def _key(self) -> dict[str, Any]:
        config = self.stores[0].config
        sort_key = {config.sort_key_column: {"S": config.sort_key}} if config.sort_key_column else {}
        return {config.primary_key: {"S": self.setting.prefix + USER}, **sort_key}

    async def group(self, kinds: list[str]) -> None:
        """Changes at once. Where whole items are put, the later one stands by rule: then one change at a time."""
        if self.setting.on_conflict == "overwrite":
            kinds = [kind for kind in kinds[:1] if kind not in LONG_TURNS]
        told, before = self.told, self.told.sure | self.told.maybe
        finished, self.open = (self.open, []) if "finish" in kinds else ([], self.open)
        changes = [Change(kind, f"m{next(self.marks):03}") for kind in kinds if kind != "finish"]
        deletes = [change for change in changes if change.kind in DELETES]
        self.may_see = self.may_see and not deletes
        running = [*map(self._perform, changes), *map(self._finish, finished)]
        for turn in [*self.open, *finished]:
            turn.may_be_deleted |= bool(deletes)
        await asyncio.gather(*running)
        for turn in self.open:  # one that began in this group may have loaded what is deleted now
            turn.may_be_deleted |= bool(deletes)
        self._check_conflicts(changes, finished)
        changes += [turn.change for turn in finished]
        if deletes:  # what is done beside a delete may be on either side of it
            told.forget()
        for change in sorted(changes, key=lambda change: change.is_sure):
            told.note(change, is_sure=change.is_sure and not deletes)
        if any(delete.is_sure for delete in deletes):
            # What was there before is gone, and no turn that had loaded it brings it back.
            told.maybe -= before
            told.maybe_counted = Counter(change.counts for change in changes if change.counts)
            for turn in self.open:
                turn.is_deleted |= turn.change not in changes and turn.has_identity
        turns = [change for change in changes if change.kind == "app" and change.makes]
        is_known = not deletes and any(turn.is_sure for turn in turns)
        self.latest = {turn.mark for turn in turns} if is_known else set()

    def _check_conflicts(self, changes: list[Change], finished: list[OpenTurn]) -> None:
        """A conflict has a reason: nobody hears of one with himself, or with what a merge joins."""
        mode = self.setting.on_conflict
        deletes = [change for change in changes if change.kind in DELETES]
        for change in changes:
            may_conflict = len(changes) + len(finished) > 1 if mode == "raise" else bool(deletes)
            is_conflict = isinstance(change.error, ConflictError)
            may_conflict = may_conflict and change.kind in TURNS and change.kind != "nothing in a turn"
            assert not is_conflict or may_conflict, f"{change} needs no conflict"
        for turn in finished:
            is_conflict = isinstance(turn.change.error, ConflictError)
            assert not is_conflict or mode == "raise" or turn.may_be_deleted, f"{turn} needs no conflict"
            assert turn.change.error or not turn.is_deleted, f"{turn} brings a user back"

    async def check(self) -> None:
        """What is stored is what some order of the changes leaves."""
        item, told = await self._stored(), self.told
        data = find(item, self.layout.data, {})
        members = data.get("members", [])
        history = self._history(item)
        marks = [*data.get("lines", []), *(member["name"] for member in members)]
        marks += [f"the turn {mark}" for mark in history if self.setting.history > 2]
        assert len(marks) == len(set(marks)), "something was done twice"
        found = {*marks, *data.get("notes", {})}
        assert told.sure <= found, f"lost: {told.sure - found}"
        assert found <= told.sure | told.maybe, f"nobody made: {found - told.sure - told.maybe}"
        counted = self._counted(data)
        for name in COUNTERS:
            most = told.counted[name] + told.maybe_counted[name]
            assert told.counted[name] <= counted[name] <= most, f"{name}: {counted[name]}, {told}"
        for member in members:
            assert member.get("belongs to", member["name"]) == member["name"]
        if "first" in told.sure and self.setting.on_conflict != "overwrite":
            assert data["of another"] == {"kept": True}
        assert item.get("theCount", data.get("count")) == data.get("count")
        self._check_last_turn(item, history)
        # From here on it is known which of the doubtful ones are there.
        self.told = Told(found, counted=counted)
        self.notes, self.may_see = set(data.get("notes", {})), bool(members)

    def _history(self, item: dict[str, Any]) -> list[str]:
        """The marks of the turns in it, the newest first."""
        items = find(item, self.layout.history, []) if self.layout.history else []
        assert len(items) <= self.setting.history
        return [re.findall(r"said (m\d+)", json.dumps(turn, default=str))[0] for turn in items]

    def _check_last_turn(self, item: dict[str, Any], history: list[str]) -> None:
        if not self.latest or not self.setting.is_jovos:
            return
        if self.setting.history:
            assert history[0] in self.latest
        if self.setting.has_session and self.layout.session:
            last = find(item, (*self.layout.session, self.layout.session_data), {})
            assert last["mark"] in self.latest

    def _counted(self, data: dict[str, Any]) -> Counter[str]:
        start = 10 if self.setting.has_model else 0
        return Counter(
            count=data.get("count", 0),
            score=data.get("score", start) - start,
            tally=sum(data.get("tally", {}).values()),
            seen=sum(member.get("seen", 0) for member in data.get("members", [])),
        )

    async def _stored(self) -> dict[str, Any]:
        """The item, empty where there is none or it has expired."""
        answer = await self.client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        item: dict[str, Any] = decode({"M": dict(answer.get("Item", {}))})
        age = time.time() - item.get("expires", 0)
        return {} if self.setting.has_ttl and 0 <= age <= 5 * YEAR else item

    async def _perform(self, change: Change) -> None:
        try:
            await self._make(change, self.stores[int(change.mark[1:]) % 2])
        except (*UNTOLD, ConflictError) as error:
            change.error = error
        if isinstance(change.error, ConflictError):  # nothing of it was written
            change.makes, change.removes, change.counts = set(), set(), ""

    async def _finish(self, turn: OpenTurn) -> None:
        turn.change.makes = {turn.change.mark}
        try:
            await turn.store.save(turn.record)
        except UNTOLD as error:
            turn.change.error = error
        except ConflictError as error:
            turn.change.error, turn.change.makes = error, set()

    async def _make(self, change: Change, store: AsyncDynamoStore[Any]) -> None:
        match change.kind:
            case "app":
                await self._handle(change, store)
            case "delete":
                await store.delete(USER)
            case "delete in a turn":
                async with store.turn(USER) as user:
                    await user.delete()
            case "begin":
                record = await store.load(USER)
                add_line(record, change.mark)
                self.open.append(OpenTurn(record, store, Change("finish", change.mark)))
            case "another program marks a member":
                await self._mark_a_member()
            case _ if change.kind in VERBS:
                await self._change_by_verb(change, store)
            case _:
                async with store.turn(USER) as user:
                    await self._change_in_turn(change, user)
                    await asyncio.sleep(0)

    async def _handle(self, change: Change, store: AsyncDynamoStore[Any]) -> None:
        """A turn of an app. The platform delivers once more what it has had no answer to."""
        mark = change.mark
        change.makes = {mark, f"the turn {mark}"} if self.setting.keeps_all_turns else {mark}
        handle = self.apps[self.stores.index(store)].handle
        try:
            await handle(message(mark))
        except UNTOLD:
            await handle(message(mark))

    async def _change_by_verb(self, change: Change, store: AsyncDynamoStore[Any]) -> None:
        mark = change.mark
        match change.kind:
            case "append":
                change.makes = {mark}
                await store.append(USER, "lines", mark)
            case "update":
                change.makes = {mark}
                await store.update(USER, lambda user: add_line(user, mark))
            case "note":
                change.makes = {mark}
                await store.set(USER, f"notes.{mark}", 1)
            case "unset a note":
                change.removes = set(sorted(self.notes)[:1])
                for name in change.removes:
                    await store.unset(USER, f"notes.{name}")
            case "seen" if not self.may_see:
                pass
            case _:
                change.counts = change.kind
                path = {"tally": "tally.7", "seen": "members.0.seen"}.get(change.kind, change.kind)
                await store.increment(USER, path)

    async def _change_in_turn(self, change: Change, user: UserRecord[Any]) -> None:
        """The same on a model and on a dict."""
        if change.kind == "append after a refresh":
            await user.refresh()
        data, mark = user.data, change.mark
        is_dict = isinstance(data, dict)
        lines, notes, members = (
            (data.get("lines", []), data.get("notes", {}), data.get("members", []))
            if is_dict
            else (data.lines, data.notes, data.members)
        )
        match change.kind:
            case "append in a turn" | "append after a refresh":
                change.makes = {mark}
                add_line(user, mark)
            case "note in a turn":
                change.makes = {mark}
                (data.setdefault("notes", {}) if is_dict else notes)[mark] = 1
            case "unset a note in a turn" if notes:
                change.removes = {min(notes)}
                del notes[min(notes)]
            case "count in a turn" | "score in a turn":
                change.counts = change.kind.partition(" ")[0]
                user.increment(change.counts)
            case "tally in a turn":
                change.counts = "tally"
                user.increment("tally.7")
            case "member in a turn":
                change.makes = {mark}
                member = {"name": mark} if is_dict else Member(name=mark)
                members.append(member) if members else user.append("members", member)
            case "pop a line" if lines:
                change.removes = {lines.pop(0)}
            case "reverse the members":
                members.reverse()
            case _:
                pass

    async def _mark_a_member(self) -> None:
        """It writes a key that no model knows, and that says to whom it belongs."""
        members = find(await self._stored(), (*self.layout.data, "members"), [])
        unmarked = [index for index, member in enumerate(members) if "belongs to" not in member]
        if not unmarked:
            return
        path = ".".join(f"#{depth}" for depth in range(len(self.layout.data)))
        await self.client.update_item(
            TableName=self._table,
            Key=self._key,
            UpdateExpression=f"SET {path}.members[{unmarked[0]}].#belongs = :name",
            ExpressionAttributeNames={
                "#belongs": "belongs to",
                **{f"#{depth}": name for depth, name in enumerate(self.layout.data)},
            },
            ExpressionAttributeValues={":name": {"S": members[unmarked[0]]["name"]}},
        )


def find(item: Any, path: tuple[str, ...], default: Any) -> Any:
    value: Any = item
    for name in path:
        value = value.get(name, {})
    return value or default


def add_line(user: UserRecord[Any], mark: str) -> None:
    """A dict has no list where there is none: only `append` says that it is one to append to."""
    lines = user.data.get("lines") if isinstance(user.data, dict) else user.data.lines
    lines.append(mark) if lines else user.append("lines", mark)


def app_of(store: AsyncDynamoStore[Any]) -> VoiceApp[Any]:
    app: VoiceApp[Any] = VoiceApp(store=store)

    @app.fallback
    async def answer(turn: Turn[Any]) -> None:
        mark = str(turn.request.delivery_id)
        add_line(turn.user, mark)
        turn.session.data["mark"] = mark
        turn.tell(f"said {mark}")

    return app


def message(mark: str) -> dict[str, Any]:
    """A message on Messenger, which has an id for what is delivered more than once."""
    raw: dict[str, Any] = deepcopy(sample("messenger/text"))
    raw["entry"][0]["messaging"][0]["sender"]["id"] = USER
    raw["entry"][0]["messaging"][0]["message"]["mid"] = mark
    return raw


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
        stores = [
            open_store(proxied, table_name, data_model=model, accelerate=accelerate, **setting.options())
            for accelerate in (setting.accelerate, not setting.accelerate)
        ]
        async with stores[0], stores[1]:
            await stores[0].ensure_table()
            history = History(setting, stores, client)
            await history.begin()
            for kinds, faults in script:
                note(f"{kinds} meet {faults}")
                proxy.script(faults)
                await history.group(kinds)
                await proxy.heal()
                await history.check()
        await client.delete_table(TableName=table_name)


def test_every_history_is_one_that_could_be(aws_config: dict[str, str], table_name: str) -> None:
    run_histories(15, aws_config, table_name, derandomize=True)


@pytest.mark.soak
def test_every_history_of_many_more_is_one_that_could_be(aws_config: dict[str, str], table_name: str) -> None:
    run_histories(600, aws_config, table_name, derandomize=False)
