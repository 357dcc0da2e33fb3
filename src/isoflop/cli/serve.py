"""``isoflop serve``: the pages in a browser, with studies that change while one looks."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from isoflop.cli import options as opt
from isoflop.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from isoflop.web.app import View
    from isoflop.web.study_source import Source

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    studies: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STUDY]...",
            help="Folders of ladders or studies, stores, tables of runs; by default the study in this folder, if any.",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="P",
            help="Where to listen; 0 takes any free port.",
            parser=opt.number_within("--port", 0, 65535, "8000 is the default.", whole=True),
        ),
    ] = 8000,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="An address other than this machine's own loopback.")
    ] = "127.0.0.1",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the link and open no browser.")] = False,
) -> None:
    """Show the pages: the dial, your studies as they train, the decision, the outlook and the lessons.

    The link that is printed holds a key; whoever has it can look. Stop with Ctrl-C.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtra("Starlette with uvicorn, which serves the pages,", "web") from None
    from isoflop.web.server import make_server
    from isoflop.web.study import sources_of
    from isoflop.web.study_source import keyed

    given = list(studies or _study_here())
    sources = keyed(sources_of(given))
    server, bound, link = make_server(sources, views_with(sources), host=host, port=port)
    if host not in LOOPBACK:
        warning = (
            f"warning: {host} can be reached from other machines, and what is sent is not encrypted. Whoever sees "
        )
        opt.say([f"{warning}the link can look at these studies. An SSH tunnel to this machine needs no --host."])
    print(link, flush=True)
    if not no_browser:
        _open_browser(link)
    with contextlib.suppress(KeyboardInterrupt):  # heard and obeyed by the server already
        server.run(sockets=[bound])
    opt.say(["The pages are closed."])


def views_with(sources: dict[str, Source]) -> Callable[[], Sequence[View]]:
    """What makes the views of a served page: all pages, and that of the studies after the dial."""

    def views() -> list[View]:
        from isoflop.web.pages import all_views
        from isoflop.web.study import NAME, study_view

        found = [view for view in all_views() if view.name != NAME]
        own = study_view(served=True)
        return [own, *found] if sources else [*found[:1], own, *found[1:]]

    return views


def _study_here() -> list[str]:
    from isoflop.workbench.places import LADDER_NOTES, STORE_FILE

    return ["."] if any(os.path.exists(name) for name in (STORE_FILE, LADDER_NOTES)) else []


def _open_browser(link: str) -> None:
    """Open a window where there is a screen; a browser in the terminal would stand in the way."""
    import webbrowser

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    webbrowser.open(link)
