"""The pages from a server: the same file that works offline, and the studies' data as they change.

    GET  /                           the page
    GET  /api/studies                which studies there are
    GET  /api/studies/KEY            one study: its runs, progress, ledger
    GET  /api/studies/KEY/curves     training curves of some runs (?runs=A&runs=B)
    GET  /api/studies/KEY/log        the last lines that a run's worker printed (?run=A)
    GET  /api/studies/KEY/analysis   what its runs teach, as far as it is worked out
    GET  /api/studies/KEY/events     server-sent events: what changes
    POST /api/studies                a table of runs as {"name", "content"}, content in base64; read in its own process

Every request passes ``isoflop.web.security.Guard`` first.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router

from isoflop.errors import BadInput, Failure, IsoflopError
from isoflop.web.app import Served, View, render
from isoflop.web.live import MOST_VIEWERS, Hub, Live, encoded
from isoflop.web.security import MOST_TABLE, App, Door, Guard, read_json
from isoflop.web.study_payload import CURVES, chosen_curves, curves_payload
from isoflop.web.study_source import Source

JSON = "application/json"
LONGEST_NAME = 200
OTHERS = 20
"""Ports after one that is taken, of which a free one is suggested."""


class Pages:
    """The application: one page, and the data of its studies."""

    def __init__(self, views: Callable[[], Sequence[View]], hub: Hub, door: Door, *, title: str = "isoflop") -> None:
        self._views, self._title = views, title
        self.hub, self.door = hub, door
        self._page: asyncio.Task[Response] | None = None

    def application(self) -> App:
        """The ASGI application, guarded."""
        routes = [
            Route("/", self._show_page),
            Route("/api/studies", self._list),
            Route("/api/studies", self._upload, methods=["POST"]),
            Route("/api/studies/{key}", self._study),
            Route("/api/studies/{key}/curves", self._curves),
            Route("/api/studies/{key}/log", self._log),
            Route("/api/studies/{key}/analysis", self._analysis),
            Route("/api/studies/{key}/events", self._events),
        ]
        router = Router(routes, redirect_slashes=False, default=_nothing_here, lifespan=self._lifespan)
        return Guard(router, self.door)

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        self._made()  # while the browser starts
        warming = asyncio.create_task(self.hub.warm())
        yield
        warming.cancel()
        self.hub.close()

    def _made(self) -> asyncio.Task[Response]:
        """The page, made once, by a thread."""
        if self._page is None or (self._page.done() and self._page.exception() is not None):
            self._page = asyncio.create_task(asyncio.to_thread(self._make_page))
        return self._page

    def _make_page(self) -> Response:
        page = render(self._views(), title=self._title, served=Served(self.door.token))
        found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
        assert found is not None
        policy = f"{found[1]}; frame-ancestors 'none'"
        return Response(page, media_type="text/html", headers={"content-security-policy": policy})

    async def _show_page(self, _: Request) -> Response:
        return await asyncio.shield(self._made())

    async def _list(self, _: Request) -> Response:
        known = [{"key": key, "name": live.source.name} for key, live in self.hub.studies.items()]
        return _json({"studies": known})

    async def _study(self, request: Request) -> Response:
        return await self._told(request, lambda live: live.payload())

    async def _curves(self, request: Request) -> Response:
        asked = request.query_params.getlist("runs")[:CURVES]

        async def curves(live: Live) -> dict[str, Any]:
            wanted = asked or chosen_curves((await asyncio.to_thread(live.source.look)).rows)
            return curves_payload(await asyncio.to_thread(live.source.curves, wanted))

        return await self._told(request, curves)

    async def _log(self, request: Request) -> Response:
        async def log(live: Live) -> dict[str, Any]:
            return {"text": await asyncio.to_thread(live.source.log, request.query_params.get("run", ""))}

        return await self._told(request, log)

    async def _analysis(self, request: Request) -> Response:
        async def analysis(live: Live) -> dict[str, Any]:
            await live.payload()
            live.work()
            return live.answers()

        return await self._told(request, analysis)

    async def _events(self, request: Request) -> Response:
        live = self.hub.studies.get(request.path_params["key"])
        if live is None:
            return _nothing()
        if self.hub.viewers >= MOST_VIEWERS:
            return _json({"error": f"{MOST_VIEWERS} viewers are here already. Come back later."}, 503)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(live.stream(after), media_type="text/event-stream", headers=headers)

    async def _upload(self, request: Request) -> Response:
        try:
            name, content = _sent(await request.body())
            live = await self.hub.upload(name, content)
            return _json({"key": live.source.key, "name": live.source.name}, 201)
        except IsoflopError as error:
            return _json({"error": str(error)}, 400 if isinstance(error, BadInput) else 500)

    async def _told(self, request: Request, ask: Callable[[Live], Any]) -> Response:
        live = self.hub.studies.get(request.path_params["key"])
        if live is None:
            return _nothing()
        try:
            return _json(await ask(live))
        except IsoflopError as error:
            return _json({"error": str(error)}, 500)


def _sent(body: bytes) -> tuple[str, bytes]:
    """The name and the bytes of an uploaded table. Raises BadInput."""
    told = read_json(body)
    name, content = (told.get("name"), told.get("content")) if isinstance(told, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(content, str) or not 0 < len(name) <= LONGEST_NAME:
        raise BadInput('A table is sent as {"name": "runs.csv", "content": its bytes in base64}.')
    if any(ord(letter) < 32 or letter in "/\\" for letter in name):
        raise BadInput("The name of a table has a slash or a control character. Send the file's name alone.")
    if len(content) > MOST_TABLE * 4 / 3 + 4:
        raise BadInput(f"The table has more than {MOST_TABLE >> 20} MiB. Send fewer rows, or compress it with gzip.")
    try:
        return name, base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("The content is not base64. Encode the bytes of the file.") from None


def _json(value: Any, status: int = 200) -> Response:
    return Response(encoded(value), status_code=status, media_type=JSON)


def _nothing() -> Response:
    return _json({"error": "There is nothing here. GET /api/studies lists the studies."}, 404)


async def _nothing_here(scope: Any, receive: Any, send: Any) -> None:
    await _nothing()(scope, receive, send)


class Server(uvicorn.Server):
    """A server that sends the viewers of its studies home before it waits for their connections to end."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


def make_server(
    sources: dict[str, Source],
    views: Callable[[], Sequence[View]],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
) -> tuple[Server, socket.socket, str]:
    """A server that is bound and does not run yet, its socket, and the link that opens its page.

    views: makes the views of the page. port: 0 takes any free one. Run it with ``server.run(sockets=[socket])``. Raises
    BadInput for an address that is not this machine's, Failure for a port that is taken or not allowed.
    """
    bound = bind(host, port)
    taken = int(bound.getsockname()[1])
    door = Door.of(host, taken, token)
    hub = Hub(sources)
    pages = Pages(views, hub, door)
    config = uvicorn.Config(
        pages.application(),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        limit_concurrency=2 * MOST_VIEWERS,
        h11_max_incomplete_event_size=64 << 10,
        ws="none",
    )
    shown = f"[{host}]" if ":" in host else {"0.0.0.0": socket.gethostname()}.get(host, host)
    return Server(config, hub), bound, f"http://{shown}:{taken}/?token={door.token}"


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises BadInput for an unknown address, Failure for a port that cannot be had."""
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError):
        raise BadInput(
            f"--host {host} is no address of this machine. Leave it out, or give one such as 0.0.0.0."
        ) from None
    bound = socket.socket(kind, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(256)
    except OSError as error:
        bound.close()
        raise _not_bound(host, port, error) from None
    return bound


def _not_bound(host: str, port: int, error: OSError) -> IsoflopError:
    if error.errno == errno.EADDRINUSE:
        free = next((other for other in range(port + 1, min(port + OTHERS, 65536)) if _is_free(host, other)), 0)
        return Failure(
            f"Port {port} is taken: another program listens there, perhaps another `isoflop serve`. Give another one "
            f"with --port {free}{', which is free now' if free else ' for any that is free'}."
        )
    if error.errno == errno.EACCES:
        return Failure(f"Port {port} may not be used by this user. Give one from 1024 up, such as --port 8000.")
    return BadInput(
        f"--host {host} is no address of this machine ({error.strerror}). Leave it out for this machine alone."
    )


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return True
    except OSError:
        return False
