"""`UserMiddleware` and `CurrentUser`: when a user is loaded, when it is saved, and when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request  # noqa: TC002 - FastAPI reads annotations
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.websockets import WebSocketDisconnect

from async_dynamo_store import AsyncDynamoStore, UserRecord
from async_dynamo_store.integrations.asgi_messages import ASGIApp, Message, Receive, Scope, Send
from async_dynamo_store.integrations.fastapi import CurrentUser
from async_dynamo_store.integrations.middleware import UserMiddleware
from tests.asgi.apps import header
from tests.asgi.conftest import LEFT, Connection, MakeStore, body, client, http_scope
from tests.faults.proxy import Fault, FaultProxy
from tests.waiting import reached

pytestmark = pytest.mark.one_engine

Store = AsyncDynamoStore[Any]
USER = {"x-user": "u1"}


class Profile(BaseModel):
    score: int = 0


async def header_awaited(scope: Mapping[str, Any]) -> str | None:
    await asyncio.sleep(0)
    return header(scope)


def starlette(store: Store, endpoint: Callable[..., Any], user_id: Any = header) -> Starlette:
    middleware = Middleware(UserMiddleware, store=store, user_id=user_id)
    return Starlette(routes=[Route("/", endpoint, methods=["GET", "POST"])], middleware=[middleware])


async def score(request: Request) -> Response:
    user: UserRecord[dict[str, Any]] = request.state.user
    user.data["score"] = user.data.get("score", 0) + 1
    return JSONResponse(user.data)


async def stored(store: Store, user_id: str = "u1") -> Any:
    return (await store.load(user_id)).data


@pytest.mark.parametrize("user_id", [header, header_awaited])
async def test_each_request_is_a_turn(store: Store, user_id: Any) -> None:
    async with client(starlette(store, score, user_id), **USER) as http:
        for expected in (1, 2):
            response = await http.post("/", json={"any": "body"})
            assert response.json() == {"score": expected}
            assert await stored(store) == {"score": expected}


async def test_nobody_is_neither_loaded_nor_saved(store: Store, proxy: FaultProxy) -> None:
    async def endpoint(request: Request) -> Response:
        assert request.state.user is None
        return Response()

    async with client(starlette(store, endpoint)) as http:
        assert (await http.get("/")).status_code == 200
        assert (await http.get("/", headers={"x-user": ""})).status_code == 200
    assert proxy.log == []


async def test_the_response_starts_after_the_save(store: Store, proxy: FaultProxy) -> None:
    await store.ensure_table()
    connection = Connection(starlette(store, score), scope(), body(b""))
    rule = proxy.fail("PutItem", Fault.slow_answer)
    running = asyncio.create_task(connection.run())
    await reached(rule.reached, running)
    assert connection.sent == []
    rule.release()
    await running
    assert connection.status == 200


def scope(**more: Any) -> dict[str, Any]:
    return http_scope(**more) | {"headers": [(b"x-user", b"u1")]}


# -- what is not saved


@pytest.mark.parametrize(
    ("status", "is_saved"), [(200, True), (302, True), (399, True), (400, False), (404, False), (500, False)]
)
async def test_an_answer_of_400_or_more_saves_nothing(store: Store, status: int, is_saved: bool) -> None:
    async def endpoint(request: Request) -> Response:
        request.state.user.data["score"] = 1
        return Response(status_code=status)

    async with client(starlette(store, endpoint), **USER) as http:
        assert (await http.post("/")).status_code == status
    assert await store.exists("u1") is is_saved


async def test_an_endpoint_that_raises_saves_nothing(store: Store) -> None:
    async def endpoint(request: Request) -> Response:
        request.state.user.data["score"] = 1
        raise LookupError

    async with client(starlette(store, endpoint), **USER) as http:
        assert (await http.post("/")).status_code == 500
    assert not await store.exists("u1")
    with pytest.raises(LookupError):
        await Connection(starlette(store, endpoint), scope(), body(b"")).run()


@pytest.mark.parametrize("reads_its_body", [True, False])
@pytest.mark.parametrize("left", [True, False])
async def test_a_client_that_leaves_before_the_endpoint_has_ended(
    store: Store, caplog: pytest.LogCaptureFixture, reads_its_body: bool, left: bool
) -> None:
    async def endpoint(request: Request) -> Response:
        if reads_its_body:
            assert await request.body() == b"all of it"
        request.state.user.data["score"] = 1
        if left:
            connection.say(LEFT)
        return Response()

    caplog.set_level("INFO", "async_dynamo_store")
    connection = Connection(
        starlette(store, endpoint), scope(), body(b"all ", more_body=True), body(b"of it")
    )
    await connection.run()
    is_seen = left and reads_its_body  # a body that nobody reads hides what comes behind it
    assert await store.exists("u1") is not is_seen
    assert ("A client disconnected" in caplog.text) is is_seen


class Passing(BaseHTTPMiddleware):
    """What `@app.middleware("http")` makes: it passes a disconnect on some steps of the event loop later."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("reads_its_body", [True, False])
async def test_a_client_that_leaves_is_noticed_behind_other_middlewares(
    store: Store, method: str, layers: int, reads_its_body: bool
) -> None:
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def endpoint(request: Request) -> Response:
        if reads_its_body:
            await request.body()
        request.state.user.data["score"] = 1
        has_begun.set()
        await may_end.wait()
        return Response()

    app: Any = starlette(store, endpoint)
    for _ in range(layers):
        app = Passing(app)
    connection = Connection(app, scope(method=method), body(b""))
    running = asyncio.create_task(connection.run())
    await reached(has_begun, running)
    connection.say(LEFT)
    for _ in range(20):
        await asyncio.sleep(0)
    may_end.set()
    await asyncio.gather(running, return_exceptions=True)
    assert not await store.exists("u1")


async def test_an_error_of_the_server_reaches_the_endpoint(store: Store) -> None:
    async def broken() -> Message:
        raise OSError("the socket is gone")

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(2):
            with pytest.raises(OSError, match="the socket is gone"):
                await receive()
        await send({"type": "http.response.start", "status": 500, "headers": []})

    async def ignore(message: Message) -> None: ...

    await UserMiddleware(endpoint, store, user_id=header)(scope(), broken, ignore)


@pytest.mark.parametrize(
    ("user_id", "said"),
    [
        (42, "this one is int"),
        (0, "this one is int"),
        (UUID(int=7), "this one is UUID"),
        ("x" * 3000, "3000 bytes"),
    ],
    ids=["int", "zero", "UUID", "long"],
)
async def test_a_user_id_that_is_none_is_told_apart(
    store: Store, caplog: pytest.LogCaptureFixture, user_id: Any, said: str
) -> None:
    async def endpoint(request: Request) -> Response:
        return Response()

    app = Starlette(routes=[Route("/", endpoint, methods=["POST"])])
    async with client(UserMiddleware(app, store, user_id=lambda scope: user_id)) as http:
        response = await http.post("/")
    assert response.status_code == 400
    assert said in response.json()["error"]
    assert said in caplog.text


async def test_a_client_that_has_left_while_the_endpoint_waits_for_it(store: Store) -> None:
    async def endpoint(request: Request) -> Response:
        await request.body()
        request.state.user.data["score"] = 1
        assert not await request.is_disconnected()
        connection.say(LEFT)
        while not await request.is_disconnected():  # noqa: ASYNC110 - as endpoints do
            await asyncio.sleep(0)
        return Response()

    connection = Connection(starlette(store, endpoint), scope(), body(b""))
    await connection.run()
    assert not await store.exists("u1")


async def test_a_body_that_the_endpoint_reads_after_its_response_has_started(store: Store) -> None:
    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["user"].data["score"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        parts = [(await receive())["body"] for _ in range(2)]
        await send({"type": "http.response.body", "body": b"".join(parts)})

    app = UserMiddleware(echo, store, user_id=header)
    connection = Connection(app, scope(), body(b"all ", more_body=True), body(b"of it"))
    assert (await connection.run())[1]["body"] == b"all of it"
    assert await store.exists("u1")


async def test_what_changes_after_the_response_has_started_is_not_saved(store: Store) -> None:
    async def endpoint(request: Request) -> Response:
        user = request.state.user
        user.data["score"] = 1

        async def stream() -> Any:
            user.data["score"] = 2
            yield b"streamed"

        async def later() -> None:
            user.data["score"] = 3

        return StreamingResponse(stream(), background=BackgroundTask(later))

    async with client(starlette(store, endpoint), **USER) as http:
        assert (await http.post("/")).text == "streamed"
    assert await stored(store) == {"score": 1}


# -- a store that fails


@pytest.mark.parametrize("operation", ["GetItem", "PutItem"])
async def test_a_database_that_is_down(store: Store, proxy: FaultProxy, operation: str) -> None:
    await store.ensure_table()
    later: list[str] = []

    async def endpoint(request: Request) -> Response:
        request.state.user.data["score"] = 1
        return JSONResponse({"said": "yes"}, background=BackgroundTask(later.append, "ran"))

    proxy.fail(operation, Fault.server_error, times=100)
    async with client(starlette(store, endpoint), **USER) as http:
        response = await http.post("/")
    assert (response.status_code, response.json()) == (
        503,
        {"error": "The database is unavailable. Try again later."},
    )
    assert later == []


async def test_a_conflict(make_store: MakeStore) -> None:
    store = make_store(on_conflict="raise")

    async def endpoint(request: Request) -> Response:
        request.state.user.data["score"] = 1
        await store.set("u1", "name", "Anna")
        return Response()

    async with client(starlette(store, endpoint), **USER) as http:
        response = await http.post("/")
    assert response.status_code == 409
    assert await stored(store) == {"name": "Anna"}


async def test_data_that_cannot_be_stored_is_an_error_of_the_endpoints(store: Store) -> None:
    async def endpoint(request: Request) -> Response:
        request.state.user.data["score"] = object()
        return Response()

    async with client(starlette(store, endpoint), **USER) as http:
        assert (await http.post("/")).status_code == 500


async def test_a_user_id_that_cannot_be_stored(store: Store) -> None:
    async with client(starlette(store, score), **{"x-user": "x" * 2049}) as http:
        assert (await http.post("/")).status_code == 400


# -- lifespan


def test_the_lifespan_opens_and_closes_the_store(make_store_sync: Callable[[], Store]) -> None:
    store = make_store_sync()
    app = starlette(store, score)
    for expected in (1, 2):
        with TestClient(app) as http:
            assert store._client._connections
            assert http.post("/", headers=USER).json() == {"score": expected}
        assert not store._client._connections


def test_without_a_lifespan_the_store_closes_with_each_event_loop(
    make_store_sync: Callable[[], Store],
) -> None:
    store = make_store_sync()
    http = TestClient(starlette(store, score))
    for expected in (1, 2, 3):
        assert http.post("/", headers=USER).json() == {"score": expected}
        assert not store._client._connections


@pytest.fixture
def make_store_sync(aws_config: dict[str, str], table_name: str) -> Callable[[], Store]:
    """For tests whose event loops are the test client's."""
    return lambda: AsyncDynamoStore(
        {"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60}
    )


# -- FastAPI


def level(user: CurrentUser[Profile]) -> int:
    return user.data.score // 10


def fastapi(store: AsyncDynamoStore[Profile]) -> FastAPI:
    api = FastAPI()
    api.add_middleware(UserMiddleware, store=store, user_id=header)

    @api.post("/score")
    async def add(user: CurrentUser[Profile]) -> int:
        user.data.score += 1
        return user.data.score

    @api.post("/score/sync")
    def add_in_a_thread(user: CurrentUser[Profile]) -> int:
        user.data.score += 1
        return user.data.score

    @api.post("/plain")
    async def plain(user: CurrentUser) -> str:
        return user.id

    @api.post("/refused")
    async def refused(user: CurrentUser[Profile], level: Annotated[int, Depends(level)]) -> None:
        user.data.score += 1
        raise HTTPException(402, f"level {level}")

    @api.websocket("/ws")
    async def play(socket: WebSocket, user: CurrentUser[Profile]) -> None:
        await socket.accept()
        profile = user.data
        async for points in socket.iter_text():
            profile.score += int(points)
            await socket.send_json(profile.score)

    return api


async def test_fastapi_gives_the_typed_user(make_store: MakeStore) -> None:
    store = make_store(data_model=Profile)
    async with client(fastapi(store), **USER) as http:
        assert (await http.post("/score")).json() == 1
        assert (await http.post("/score/sync")).json() == 2
        assert (await http.post("/plain")).json() == "u1"
        assert (await http.post("/refused")).json() == {"detail": "level 0"}
        response = await http.post("/score", headers={"x-user": ""})
        assert (response.status_code, response.json()) == (401, {"detail": "This needs a user."})
    assert await stored(store) == Profile(score=2)


def test_fastapi_closes_a_websocket_of_nobody(make_store_sync: Callable[[], Store]) -> None:
    with TestClient(fastapi(make_store_sync())) as http, pytest.raises(WebSocketDisconnect) as closed:
        http.websocket_connect("/ws").__enter__()
    assert closed.value.code == 1008


def test_fastapi_websocket(engine: Any, aws_config: dict[str, str], table_name: str) -> None:
    config = {"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60}
    with TestClient(fastapi(AsyncDynamoStore(config, data_model=Profile))) as http:
        with http.websocket_connect("/ws", headers=USER) as socket:
            for points, expected in ((1, 1), (5, 6)):
                socket.send_text(str(points))
                assert socket.receive_json() == expected
                assert http.post("/score/sync", headers={"x-user": "u2"}).status_code == 200
        assert http.post("/score", headers=USER).json() == 7


# -- WebSockets


CONNECT = {"type": "websocket.connect"}
CLOSED = {"type": "websocket.disconnect", "code": 1006}


def text(said: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": said}


def websocket(store: Store, endpoint: Any) -> Connection:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(WebSocket(scope, receive, send))

    return Connection(
        UserMiddleware(app, store, user_id=header),
        {"type": "websocket", "path": "/", "headers": [(b"x-user", b"u1")], "subprotocols": []},
        CONNECT,
    )


async def test_each_message_is_a_turn(store: Store, proxy: FaultProxy) -> None:
    await store.ensure_table()
    seen: list[Any] = []

    async def endpoint(socket: WebSocket) -> None:
        user = socket.state.user
        user.data["connections"] = user.data.get("connections", 0) + 1
        await socket.accept()
        assert await store.get("u1", "connections") == 1
        async for said in socket.iter_text():
            assert socket.state.user is user
            seen.append(dict(user.data))
            user.data["said"] = [*user.data.get("said", []), said]
            await socket.send_text(f"heard {said}")
            assert await store.get("u1", "said") == user.data["said"]

    connection = websocket(store, endpoint)
    running = asyncio.create_task(connection.run())
    await reached(connection.is_waited_for, running)
    connection.say(text("one"))
    await reached(connection.has_sent(2), running)
    await store.set("u1", "name", "Anna")
    connection.say(text("two"))
    await reached(connection.has_sent(3), running)
    connection.say(CLOSED)
    await running
    assert seen == [{"connections": 1}, {"connections": 1, "said": ["one"], "name": "Anna"}]
    assert [message.get("text") for message in connection.sent] == [None, "heard one", "heard two"]
    assert await stored(store) == {"connections": 1, "said": ["one", "two"], "name": "Anna"}
    assert not any("Update" in exchange.operation and exchange.status != 200 for exchange in proxy.log)


async def run(connection: Connection, *said: dict[str, Any]) -> None:
    """Say one thing after the other, each when the endpoint waits for it."""
    running = asyncio.create_task(connection.run())
    for message in said:
        await reached(connection.is_waited_for, running)
        connection.is_waited_for.clear()
        connection.say(message)
    await running


async def test_a_message_without_an_answer_is_saved_when_the_next_is_asked_for(store: Store) -> None:
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        async for said in socket.iter_text():
            socket.state.user.data[said] = True

    await run(websocket(store, endpoint), text("one"), text("two"), CLOSED)
    assert await stored(store) == {"one": True, "two": True}


async def test_messages_that_came_together_are_turns_one_by_one(store: Store) -> None:
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        for _ in range(3):
            socket.state.user.data[await socket.receive_text()] = True

    connection = websocket(store, endpoint)
    for said in ("one", "two", "three"):
        connection.say(text(said))
    await connection.run()
    assert await stored(store) == {"one": True, "two": True, "three": True}


@pytest.mark.parametrize("ends_by", ["closing", "returning", "raising", "leaving"])
async def test_how_a_turn_of_a_websocket_ends(store: Store, ends_by: str) -> None:
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        socket.state.user.data["said"] = await socket.receive_text()
        if ends_by == "closing":
            await socket.close()
        elif ends_by == "raising":
            raise LookupError
        elif ends_by == "leaving":
            connection.say(CLOSED)

    connection = websocket(store, endpoint)
    if ends_by == "raising":
        with pytest.raises(LookupError):
            await run(connection, text("one"))
    else:
        await run(connection, text("one"))
    assert await store.exists("u1") is (ends_by in ("closing", "returning"))


@pytest.mark.parametrize("leaves", [True, False])
async def test_an_endpoint_that_returns_while_a_task_of_its_own_waits(store: Store, leaves: bool) -> None:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == CONNECT
        # ASGI's type says an awaitable; the middleware's is a coroutine.
        listeners.append(asyncio.create_task(receive()))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await reached(connection.is_waited_for, *listeners)
        await send({"type": "websocket.accept"})
        scope["state"]["user"].data["said"] = "enough"
        if leaves:
            connection.say(CLOSED)

    listeners: list[asyncio.Task[Message]] = []
    connection = Connection(
        UserMiddleware(endpoint, store, user_id=header),
        {"type": "websocket", "path": "/", "headers": [(b"x-user", b"u1")], "subprotocols": []},
        CONNECT,
    )
    await connection.run()
    listeners[0].cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    assert await store.exists("u1") is not leaves


async def test_what_another_task_sends_ends_no_turn(store: Store) -> None:
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        user = socket.state.user
        user.data["half"] = await socket.receive_text()
        await asyncio.create_task(socket.send_text("news"))
        assert not await store.exists("u1")
        raise LookupError

    connection = websocket(store, endpoint)
    with pytest.raises(LookupError):
        await run(connection, text("one"))
    assert connection.sent[-1]["text"] == "news"
    assert not await store.exists("u1")


async def test_a_websocket_of_nobody(store: Store, proxy: FaultProxy) -> None:
    async def endpoint(socket: WebSocket) -> None:
        assert socket.state.user is None
        await socket.close()

    connection = websocket(store, endpoint)
    connection.scope["headers"] = []
    await connection.run()
    assert proxy.log == []


async def test_another_protocol_is_passed_on(store_less: Callable[[ASGIApp], ASGIApp]) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        await send({"type": "gopher.sent"})

    connection = Connection(store_less(app), {"type": "gopher"})
    assert await connection.run() == [{"type": "gopher.sent"}]
    assert seen == ["gopher"]


@pytest.fixture
def store_less() -> Callable[[ASGIApp], ASGIApp]:
    """The middleware on a store that is never used."""
    return lambda app: UserMiddleware(app, AsyncDynamoStore("Users"), user_id=header)
