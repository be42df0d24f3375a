"""Jovo v3's `userData.metaData`: counts of requests and sessions, and devices.

The form is that of `JovoUser` in npm's `jovo-framework` 3.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from async_dynamo_store.layouts import LAYOUTS
from async_dynamo_store.records.reading import javascript_time, read_map
from async_dynamo_store.wire.changes import Change, Increment, Put, find
from async_dynamo_store.wire.values import AttributeValue, Item

_LOGGED = 4
"""Jovo v3's default `requestHistorySize`."""

_ONE: AttributeValue = {"N": "1"}


@dataclass(frozen=True, slots=True)
class RequestNote:
    """The parts of a request that the metaData stores.

    - `handler_path`: the key under which Jovo v3 counts the request.
    - `device`: the id of the device; None if the platform sends none.
    - `interfaces`: the capabilities of the device, such as `{"hasScreenInterface": True}`.
    """

    handler_path: str
    device: str | None = field(default=None, repr=False)
    interfaces: Mapping[str, bool] = field(default_factory=dict)


def meta_data_changes(
    note: RequestNote, before: Item, now: datetime, *, is_new_session: bool
) -> Iterator[Change]:
    """The changes that record a request in the metaData; only parts that exist in the item are updated."""
    root = LAYOUTS["jovo3"].meta_data or ()
    kept = read_map(before, root)
    when: AttributeValue = {"S": javascript_time(now)}
    if "lastUsedAt" in kept:
        yield Put((*root, "lastUsedAt"), when)
    if "sessionsCount" in kept and is_new_session:
        yield Increment((*root, "sessionsCount"), _ONE, otherwise=_ONE)
    if "requests" in kept:
        here = (*root, "requests", note.handler_path)
        log = (find(before, (*here, "log")) or {}).get("L", [])
        yield Increment((*here, "count"), _ONE, otherwise=_ONE)
        yield Put((*here, "log"), {"L": [*log, when][-max(_LOGGED, len(log)) :]})
    if "devices" in kept and note.device:
        here = (*root, "devices", note.device)
        interfaces: AttributeValue = {"M": {name: {"BOOL": has} for name, has in note.interfaces.items()}}
        if find(before, here) != interfaces:
            yield Put(here, interfaces)
