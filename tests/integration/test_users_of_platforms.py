"""Who a request is from, on each platform and integration: the item under which the user is stored."""

from __future__ import annotations

import pytest

from async_dynamo_store import Turn
from tests.integration.conftest import MakeApp, Stored
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine

PREFIXES = {"dialogflow-es": "DialogflowAgent::", "dialogflow-cx": "DialogflowAgent::"}


@pytest.mark.parametrize("has_prefix", [False, True], ids=["plain", "prefixed"])
@pytest.mark.parametrize(
    ("name", "user_id"),
    [
        ("dialogflow-es/Messenger widget", "widget-user"),
        ("dialogflow-es/Facebook", "1534862223272449"),
        ("dialogflow-es/Slack", "U2147483697"),
        ("dialogflow-es/Telegram", "512345678"),
        ("dialogflow-es/phone", "+4989123456"),
        ("dialogflow-cx/Messenger widget", "widget-user"),
        ("dialogflow-cx/intent", "+4989123456"),
    ],
)
async def test_users_of_dialogflows_integrations_are_stored_as_jovo3_stored_them(
    make_app: MakeApp, stored: Stored, name: str, user_id: str, has_prefix: bool
) -> None:
    app = make_app(layout="jovo3", prefix_primary_key_with_platform=has_prefix)

    @app.fallback
    async def count(turn: Turn) -> None:
        turn.tell(f"visit {turn.user.increment('visits')}")

    await app.handle(sample(name))
    assert "visit 2" in str(await app.handle(sample(name)))
    prefix = PREFIXES[name.partition("/")[0]] if has_prefix else ""
    assert (await stored.item(f"{prefix}{user_id}"))["userData"]["data"] == {"visits": 2}
    assert await stored.users() == 1
