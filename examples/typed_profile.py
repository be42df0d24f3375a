"""A store with typed users: `user.data` is a pydantic model, which also reads data of earlier releases.

Run it with `python examples/typed_profile.py`. It uses a database inside this process.
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

from pydantic import BaseModel, model_validator

from async_dynamo_store import AsyncDynamoStore

TABLE = {"type": "embedded", "tableName": "TypedProfiles"}


class Profile(BaseModel):
    """Every field has a default, since nothing is stored for a new user."""

    first_name: str = ""
    score: int = 0
    last_seen: date | None = None
    badges: set[str] = set()

    @model_validator(mode="before")
    @classmethod
    def from_the_first_release(cls, stored: dict[str, Any]) -> dict[str, Any]:
        """Read the `name` that the first release stored, unless `first_name` is already stored."""
        if "name" in stored:
            return {"first_name": stored["name"].split()[0]} | stored
        return stored


async def main() -> None:
    async with AsyncDynamoStore(TABLE, data_model=Profile) as store:
        await store.set("ada", "name", "Ada Lovelace")

        async with store.turn("ada") as user:
            user.data.score += 10
            user.data.last_seen = date(2026, 11, 22)
            user.data.badges.add("first")

        record = await store.load("ada")
        print(record.data)


if __name__ == "__main__":
    asyncio.run(main())
