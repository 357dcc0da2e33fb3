"""What stands between a browser's other pages, a network, and the server: one guard before every request.

A page on another site can make a browser send requests to 127.0.0.1, by a form, a script or a name that is made to
lead here (DNS rebinding). So a request needs a host name that is ours, a token that only whoever started the server has
seen, and, where it writes, the token once more in a header, an Origin that is this server, and a body of JSON, none of
which another site's page can make a browser send.
"""

from __future__ import annotations

import gzip
import hmac
import io
import ipaddress
import json
import math
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from isoflop.errors import BadInput

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_HEADER = "x-isoflop-token"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
READS = ("GET", "HEAD")
MOST_BODY = 24 << 20
"""Bytes of a request: a table of 16 MiB in base64, and air."""
MOST_TABLE, MOST_UNPACKED = 16 << 20, 64 << 20
"""Bytes of a table as it is sent, and after it is decompressed."""
MOST_DEPTH = 64
MOST_HEADERS_VALUE = 8 << 10

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The policy of whatever is not the page."""


def make_token() -> str:
    """256 random bits, as text for an address."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Door:
    """Who may come in. token: of this start. hosts: names by which the server may be called. cookie: that keeps the
    token; cookies know no ports, so its name does."""

    token: str
    hosts: frozenset[str]
    cookie: str

    @classmethod
    def of(cls, host: str, port: int, token: str | None = None) -> Door:
        """The door of a server that is bound to an address."""
        names = {*LOOPBACK, host.lower()}
        if host not in LOOPBACK:
            names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        return cls(token or make_token(), frozenset(names - {"0.0.0.0", "::"}), f"isoflop_{port}")

    @property
    def open_to_others(self) -> bool:
        """Whether the server is bound to more than this machine."""
        return not self.hosts <= set(LOOPBACK)

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server; an address in digits cannot be made to lead elsewhere, so it passes
        where the server is open to others."""
        name = host_name(host)
        if name is None:
            return False
        return name in self.hosts or (self.open_to_others and _is_address(name))

    def opens(self, offered: str | None) -> bool:
        """Whether this is the token, compared in constant time."""
        return offered is not None and hmac.compare_digest(offered.encode(), self.token.encode())

    def cookie_header(self) -> str:
        """Set-Cookie: kept from scripts and from other sites, gone when the browser closes."""
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"


def host_name(host: str) -> str | None:
    """The name in a Host header, without its port, in lower case; None for what is no such header."""
    text = host.strip().lower()
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        return name if bracket and (not rest or _is_port(rest)) else None
    name, colon, port = text.partition(":")
    if colon and not _is_port(f":{port}"):
        return None
    return name.rstrip(".") or None


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isascii() and text[1:].isdigit()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Refusal(Exception):
    """Why a request is turned away. status: of HTTP. says: for whoever sent it, of our words alone."""

    def __init__(self, status: int, says: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(says)
        self.status, self.says, self.headers = status, says, headers


class Guard:
    """An ASGI application before another: checks each request, bounds its body, and adds headers to every answer."""

    def __init__(self, app: App, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # a websocket that is not accepted is closed with 403
        answer = _Answer(send)
        try:
            if self._admit(scope):
                answer.cookie = self._door.cookie_header()
            await self._app(scope, _bounded(scope, receive), answer)
        except Exception as error:
            if answer.begun:
                raise
            refusal = error if isinstance(error, Refusal) else Refusal(500, "The server failed; its terminal says why.")
            await _refuse(answer, refusal, wants_page=scope["path"] == "/")
            if refusal is not error:
                raise

    def _admit(self, scope: Scope) -> bool:
        """Raise Refusal for a request that may not come in; True where its token is to be kept in a cookie."""
        headers = _headers(scope)
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self._door.knows(hosts[0]):
            raise Refusal(421, "This server does not answer to that host name. Use the address that it printed.")
        if scope["method"] not in (*READS, "POST"):
            raise Refusal(405, "Allowed: GET, HEAD and POST.", (("allow", "GET, HEAD, POST"),))
        _refuse_other_sites(headers, hosts[0], scope)
        by_header = self._door.opens(_single(headers, TOKEN_HEADER))
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", []) if scope["path"] == "/" else []
        by_link = len(asked) == 1 and self._door.opens(asked[0])
        if not (by_header or by_link or self._door.opens(_cookie(headers, self._door.cookie))):
            raise Refusal(403, "This page needs the link that `isoflop serve` printed when it started.")
        if scope["method"] == "POST":
            _refuse_unsafe_write(headers, hosts[0], by_header)
        return by_link and scope["method"] in READS


def _refuse_other_sites(headers: dict[str, list[str]], host: str, scope: Scope) -> None:
    """What a browser says of where a request comes from must be this server, but for following a link to the page."""
    origin = _single(headers, "origin")
    if "origin" in headers and (origin is None or not same_origin(origin, host)):
        raise Refusal(403, "Requests from other sites are not answered.")
    site = _single(headers, "sec-fetch-site")
    follows = scope["path"] == "/" and scope["method"] in READS and _single(headers, "sec-fetch-mode") == "navigate"
    if site not in (None, "same-origin", "none") and not follows:
        raise Refusal(403, "Requests from other sites are not answered.")


def _refuse_unsafe_write(headers: dict[str, list[str]], host: str, by_header: bool) -> None:
    if not by_header:
        raise Refusal(403, f"A request that writes carries the token in the header {TOKEN_HEADER}.")
    origin = _single(headers, "origin")
    if origin is not None and not same_origin(origin, host):
        raise Refusal(403, "Requests from other sites are not answered.")
    if (_single(headers, "content-type") or "").split(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "A request that writes has the content type application/json.")
    if "content-encoding" in headers:
        raise Refusal(415, "A compressed request is not read; compress the table within it.")


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header is the server that a Host header names. "null" is no origin of ours."""
    scheme, separator, rest = origin.strip().lower().partition("://")
    return bool(separator) and scheme in ("http", "https") and rest == host.strip().lower()


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _single(headers: dict[str, list[str]], name: str) -> str | None:
    """A header that was sent once; sent twice it says nothing that could be trusted."""
    values = headers.get(name, [])
    return values[0] if len(values) == 1 else None


def _cookie(headers: dict[str, list[str]], name: str) -> str | None:
    text = _single(headers, "cookie")
    if text is None or len(text) > MOST_HEADERS_VALUE:
        return None
    try:
        cookies = SimpleCookie(text)
    except CookieError:
        return None
    return cookies[name].value if name in cookies else None


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """``receive`` that gives up on a body of more than MOST_BODY, whatever its length was said to be."""
    for name, value in scope["headers"]:
        if name.lower() == b"content-length" and not (value.isdigit() and int(value[:20]) <= MOST_BODY):
            raise Refusal(413, f"A request has at most {MOST_BODY >> 20} MiB.")
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > MOST_BODY:
                raise Refusal(413, f"A request has at most {MOST_BODY >> 20} MiB.")
        return message

    return bounded


class _Answer:
    """``send`` that adds the headers, and the cookie where there is one to set."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.cookie = ""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            present = {name.lower() for name, _ in message["headers"]}
            wanted = {**HEADERS, "content-security-policy": NO_PAGE}
            if self.cookie and message["status"] == 200:
                wanted["set-cookie"] = self.cookie
            added = [(n.encode(), v.encode()) for n, v in wanted.items() if n.encode() not in present]
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)


async def _refuse(send: Send, refusal: Refusal, *, wants_page: bool) -> None:
    """Say why, in words that hold nothing of the request: as text where a person looks, else as JSON."""
    body = f"{refusal.says}\n" if wants_page else json.dumps({"error": refusal.says})
    kind = "text/plain; charset=utf-8" if wants_page else "application/json"
    headers = [("content-type", kind), ("content-length", str(len(body.encode()))), ("connection", "close")]
    encoded = [(name.encode(), value.encode()) for name, value in (*headers, *refusal.headers)]
    await send({"type": "http.response.start", "status": refusal.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body.encode()})


def read_json(text: bytes | str) -> Any:
    """Strict JSON: no NaN, no Infinity, no number beyond 64-bit floats, no key twice, at most MOST_DEPTH deep.

    Raises BadInput.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_finite_int,
            object_pairs_hook=_once,
        )
    except (UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"This is no JSON that is read here ({type(error).__name__}). Send UTF-8, not nested.") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"This is not JSON: {error.msg} at character {error.pos}. Correct it.") from None
    _refuse_deep(value)
    return value


def _refuse_constant(name: str) -> Any:
    raise BadInput(f"{name} is no JSON number. Leave the value out, or write null.")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadInput(f"The number {text[:20]} is beyond what a 64-bit float holds. Write a smaller one.")
    return value


def _finite_int(text: str) -> int | float:
    if len(text) > 308:
        raise BadInput(f"The number {text[:20]}… is beyond what a 64-bit float holds. Write a smaller one.")
    value = int(text)
    return value if -(2**63) <= value < 2**63 else float(value)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadInput("An object has a key twice. Give each once.")
    return found


def _refuse_deep(value: Any, depth: int = 0) -> None:
    if depth > MOST_DEPTH:
        raise BadInput(f"This JSON is nested more than {MOST_DEPTH} deep. Send a flatter one.")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, dict | list):
                _refuse_deep(item, depth + 1)


def unpacked(content: bytes, most: int = MOST_UNPACKED) -> bytes:
    """The content, decompressed where it is gzip, never past ``most`` bytes. Raises BadInput for more, and for damaged
    gzip."""
    if not content.startswith(b"\x1f\x8b"):
        if len(content) > most:
            raise BadInput(f"The table has {len(content) >> 20} MiB. Allowed: {most >> 20}. Send fewer rows.")
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            found = file.read(most + 1)
    except (OSError, EOFError, ValueError) as error:
        raise BadInput(f"The gzip file is damaged: {error}. Compress it again.") from None
    if len(found) > most:
        raise BadInput(f"The table is more than {most >> 20} MiB when decompressed. Send fewer rows.")
    return found
