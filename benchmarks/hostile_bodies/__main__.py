"""`python -m benchmarks.hostile_bodies`: send, print, write results."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from typing import Any

from async_dynamo_store import VoiceApp
from async_dynamo_store.integrations.http_endpoint import HttpEndpoint, Incoming
from async_dynamo_store.integrations.verification import HttpRequest, VerificationError
from async_dynamo_store.voice.requests import Platform, Request
from benchmarks import report
from benchmarks.hostile_bodies.bodies import bodies
from benchmarks.machine import machine

AT_ONCE = 50
PLATFORMS: tuple[Platform, ...] = (
    *("alexa", "dialogflow-es", "dialogflow-cx", "google-assistant", "lex-v1", "lex-v2"),
    *("messenger", "twilio-voice", "jovo-core", "jovo-web"),
)


class Stranger:
    """Refuses everybody, as a signature does that is wrong."""

    platforms = PLATFORMS

    async def verify(self, http: HttpRequest, request: Request) -> None:
        """Raise `VerificationError`."""
        raise VerificationError("this is a stranger")


def incoming(content_type: str, body: bytes) -> Incoming:
    """The body as a POST."""
    return Incoming(
        method="POST",
        url="https://skill.example/",
        path="/",
        query="",
        headers={"content-type": content_type},
        body=body,
    )


def talkative_app() -> VoiceApp[Any]:
    """An app without a database that answers whatever it is asked, and takes nothing amiss."""
    app = VoiceApp()

    @app.fallback
    async def answer(turn: Any) -> None:
        turn.tell("Hello")

    @app.on_error
    async def sorry(turn: Any) -> None:
        turn.tell("Sorry")

    return app


async def seconds(endpoint: HttpEndpoint, request: Incoming, times: int) -> tuple[float, int]:
    """How long so many at once take, and the status of the last."""
    before = time.perf_counter()
    answers = await asyncio.gather(*(endpoint.answer(request) for _ in range(times)))
    return time.perf_counter() - before, answers[-1].status


async def peak_bytes(endpoint: HttpEndpoint, request: Incoming) -> int:
    """The memory that one takes beside its own body."""
    tracemalloc.start()
    try:
        await endpoint.answer(request)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def measure() -> list[dict[str, Any]]:
    """Every body: from a stranger, fifty strangers at once, and from the platform itself."""
    refusing, believing = HttpEndpoint(talkative_app(), [Stranger()]), HttpEndpoint(talkative_app(), None)
    rows = list[dict[str, Any]]()
    for platform, what, content_type, body in bodies():
        request = incoming(content_type, body)
        one, status = await seconds(refusing, request, 1)
        many, _ = await seconds(refusing, request, AT_ONCE)
        verified, verified_status = await seconds(believing, request, 1)
        rows.append(
            {
                "platform": platform,
                "large": what,
                "bytes": len(body),
                "status": status,
                "seconds": round(one, 4),
                "seconds_of_50": round(many, 3),
                "megabytes": round(await peak_bytes(refusing, request) / 1e6, 1),
                "verified_status": verified_status,
                "verified_seconds": round(verified, 4),
            }
        )
    return rows


def main() -> None:
    """Answer this question alone."""
    before = machine()
    rows = asyncio.run(measure())
    for row in rows:
        print(
            f"{row['platform']:16} {row['large']:20} {row['bytes']:>9} B {row['status']:>4} {row['seconds']:>8.3f} s"
            f" {row['seconds_of_50']:>8.2f} s of {AT_ONCE} {row['megabytes']:>7} MB"
            f" | verified: {row['verified_status']} {row['verified_seconds']:>7.3f} s"
        )
    command = "python -m benchmarks.hostile_bodies"
    report.write_rows("hostile_bodies", command, before, rows=rows)


if __name__ == "__main__":
    main()
