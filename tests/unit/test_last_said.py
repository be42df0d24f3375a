"""What `turn.repeat()` finds in turns that we, Jovo v4 or Jovo v3 have stored."""

from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store.voice.history import last_said

OURS = {"output": [{"message": "Hi.", "reprompt": "Well?", "listen": True}]}
OLDER = {"output": [{"message": "Older.", "listen": False}]}


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([], None),
        ([{}], None),
        ([{"output": []}], None),
        ([{"nlu": {}}, OLDER], ("Older.", None, False)),
        ([OURS, OLDER], ("Hi.", "Well?", True)),
        ([{"output": []}, OURS], ("Hi.", "Well?", True)),
        ([{"output": {"message": "Alone."}}], ("Alone.", None, True)),
        ([{"output": [{"card": {}}, {"message": "Second.", "listen": False}]}], ("Second.", None, False)),
        (
            [{"output": [{"message": {"speech": "Spoken.", "text": "Shown."}, "listen": False}]}],
            ("Spoken.", None, False),
        ),
        ([{"output": [{"message": {"text": "Shown."}, "listen": {"intents": []}}]}], ("Shown.", None, True)),
        (
            [{"output": [{"message": ["One.", "Two."], "reprompt": [{"speech": "Go on?"}]}]}],
            ("One.", "Go on?", True),
        ),
        ([{"output": [{"message": []}]}], None),
        ([{"output": [{"message": {}}]}], None),
        ([{"output": ["no map"]}], None),
        ([{"response": {"output": {"tell": {"speech": "Bye."}}}}], ("Bye.", None, False)),
        (
            [{"response": {"output": {"ask": {"speech": "More?", "reprompt": "Well?"}}}}],
            ("More?", "Well?", True),
        ),
        ([{"response": {"output": {"card": {"simpleCard": {}}}}}], None),
        ([{"response": {"output": {"tell": {}}}}, OLDER], ("Older.", None, False)),
        ([{"response": {"version": "1.0", "response": {}}}, OURS], ("Hi.", "Well?", True)),
        ([{"response": "<Response/>"}], None),
    ],
)
def test_last_said(turns: list[dict[str, Any]], said: tuple[str, str | None, bool] | None) -> None:
    assert last_said(turns) == said
