"""A skill on the ASK SDK and its DynamoDB adapter, as a process of JSON lines like those in `node`."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ask_sdk_core.skill_builder import CustomSkillBuilder
from ask_sdk_dynamodb.adapter import DynamoDbAdapter

if TYPE_CHECKING:
    from ask_sdk_core.handler_input import HandlerInput
    from ask_sdk_model.response import Response


def turn(line: dict[str, Any]) -> dict[str, Any]:
    """One request: what was stored, told and then changed as the test asked for."""
    change = line["change"]
    seen: dict[str, Any] = {}
    adapter = DynamoDbAdapter(line["table"], create_table=line["options"].get("create_table", False))
    builder = CustomSkillBuilder(persistence_adapter=adapter)

    @builder.request_handler(can_handle_func=lambda _: True)
    def every_request(handler_input: HandlerInput) -> Response:
        manager = handler_input.attributes_manager
        seen["data"] = dict(manager.persistent_attributes)
        if change.get("delete"):
            manager.delete_persistent_attributes()
        else:
            kept = {key: value for key, value in seen["data"].items() if key not in change.get("unset", ())}
            manager.persistent_attributes = kept | change.get("set", {})
            manager.save_persistent_attributes()
        return handler_input.response_builder.speak(change["say"]).response

    response = builder.lambda_handler()(line["request"], None)
    return {"seen": seen, "response": response}


def plain(value: Any) -> Any:
    """What boto3 reads and JSON does not know."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return repr(value)


for text in sys.stdin:
    try:
        answer = turn(json.loads(text, parse_float=Decimal))
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(answer, default=plain) + "\n")
    sys.stdout.flush()
