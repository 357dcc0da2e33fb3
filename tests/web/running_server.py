"""A real server on a port of its own, in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from isoflop.web.app import View
from isoflop.web.security import TOKEN_HEADER
from isoflop.web.server import Server, make_server
from isoflop.web.study import sources_of, study_view
from isoflop.web.study_source import Source, keyed


@dataclass(frozen=True)
class Running:
    """link: that opens the page. port, token: of it. server: the uvicorn server."""

    link: str
    port: int
    token: str
    server: Server

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> httpx.Client:
        """A client that has the token in its header."""
        return httpx.Client(base_url=self.base, headers={TOKEN_HEADER: self.token, **headers}, timeout=60)

    def bare(self) -> httpx.Client:
        """A client that has nothing."""
        return httpx.Client(base_url=self.base, timeout=60)


def only_the_study() -> Sequence[View]:
    return [study_view(served=True)]


@contextmanager
def running(
    *studies: Path | str | Source, views: Callable[[], Sequence[View]] = only_the_study, host: str = "127.0.0.1"
) -> Iterator[Running]:
    server, bound, link = make_server(keyed(sources_of(studies)), views, host=host, port=0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Running(link, bound.getsockname()[1], link.partition("token=")[2], server)
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive(), "the server did not end"
