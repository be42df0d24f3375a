"""An OpenAI Agents SDK agent that remembers its user, with a scripted model instead of OpenAI's.

Run it with

    python examples/agents/openai_session.py
"""

import asyncio
from typing import Any

from agents import Agent, Runner
from agents.testing import ScriptedModel
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.integrations.openai_agents import DynamoDBSession


def line(text: str) -> list[Any]:
    part = ResponseOutputText(text=text, type="output_text", annotations=[])
    return [
        ResponseOutputMessage(id="m", type="message", role="assistant", content=[part], status="completed")
    ]


agent = Agent(
    name="Assistant",
    instructions="You keep an eye on parcels.",
    model=ScriptedModel([line("It is in Linz."), line("As I said: in Linz.")]),
)


async def main() -> None:
    async with AsyncDynamoStore({"type": "embedded", "table_name": "Users", "conversations": {}}) as store:
        for question in ("Where is my parcel?", "Where again?"):
            session = DynamoDBSession(store, user_id="ada", session_id="support-1")
            result = await Runner.run(agent, question, session=session)
            print(f"{question} {result.final_output}")
        print(len(await session.get_items()), "messages are stored.")


if __name__ == "__main__":
    asyncio.run(main())
