"""A real browser for the tests of pages: Debian's chromium, driven by Playwright, with nothing but loopback."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isoflop.web.app import View, render

CHROMIUM = os.environ.get("ISOFLOP_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A running chromium; skips where it or Playwright is not installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    if not CHROMIUM:
        pytest.skip("no chromium here: apt-get install chromium, or name one in ISOFLOP_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def answers_of_tests(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests work out of tables is not kept in the user's cache."""
    monkeypatch.setenv("ISOFLOP_ANSWERS", str(tmp_path_factory.getbasetemp() / "answers"))


class Opened:
    """A page in the browser, with what went wrong in it and what it asked the network for."""

    def __init__(
        self, browser: Any, address: str, *, width: int, height: int, dark: bool, ready: str = "html.started"
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.page.wait_for_selector(ready)

    @property
    def asked_elsewhere(self) -> list[str]:
        """Requests to anything but the file itself and what it holds."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]

    def charts_ready(self, count: int = 1) -> None:
        """Wait until so many charts are drawn."""
        self.wait_until(f"document.querySelectorAll('figure.chart.ready').length >= {count}")

    def wait_until(self, condition: str, seconds: float = 20.0) -> None:
        """Wait for a JavaScript expression; as a function, since the page's policy lets nobody evaluate text."""
        self.page.wait_for_function(f"() => {condition}", timeout=seconds * 1e3)

    def violations(self) -> list[str]:
        """What axe-core finds: rule, and where."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
        response = axe.Axe().run(self.page).response
        return [f"{v['id']}: {[n['target'] for n in v['nodes']][:4]}" for v in response["violations"]]

    def wider_than_screen(self) -> float:
        """Pixels by which the page is wider than the window."""
        return float(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def overlapping_texts(self) -> list[str]:
        """Pairs of texts of the page that cover each other by more than two pixels each way; charts not included."""
        pairs: list[str] = self.page.evaluate(OVERLAPS)
        return pairs


OVERLAPS = """() => {
  const walker = document.createTreeWalker(document.getElementById("main") ?? document.body, NodeFilter.SHOW_TEXT);
  const boxes = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, text = node.textContent.trim(), parent = node.parentElement;
    if (!text || parent.closest(".off-screen, script, style, option, datalist, [hidden], .live") || !parent.checkVisibility({ visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 1 && box.height > 1) boxes.push({ box, text: text.slice(0, 40), parent });
  }
  const found = [];
  for (let i = 0; i < boxes.length; i += 1) for (let j = i + 1; j < boxes.length; j += 1) {
    const a = boxes[i].box, b = boxes[j].box;
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 2 && high > 4 && boxes[i].parent !== boxes[j].parent) found.push(`${boxes[i].text} | ${boxes[j].text}`);
  }
  return found.slice(0, 10);
}"""


@pytest.fixture
def open_page(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """open_page(views or a path or an address, hash="", width=1440, height=900, dark=False) -> Opened."""
    opened: list[Opened] = []

    def opener(
        what: list[View] | Path | str,
        hash: str = "",
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        ready: str = "html.started",
    ) -> Opened:
        if isinstance(what, list):
            path = tmp_path / f"page-{len(opened)}.html"
            path.write_text(render(what), encoding="utf-8")
            what = path
        address = what.resolve().as_uri() if isinstance(what, Path) else what
        opened.append(Opened(chromium, address + hash, width=width, height=height, dark=dark, ready=ready))
        return opened[-1]

    yield opener
    for page in opened:
        page.context.close()


@pytest.fixture(scope="session")
def run_javascript() -> Any:
    """run_javascript(modules, expression): the value of an expression of the modules' exports, by a real engine."""
    racer = pytest.importorskip("py_mini_racer", reason="mini-racer is not installed: pip install -e '.[dev]'")
    from isoflop.web.app import static_modules
    from isoflop.web.assemble import assemble, exports_of

    def run(paths: list[str], expression: str, extra: dict[str, str] | None = None) -> Any:
        sources = {**static_modules(), **(extra or {})}
        lines, names = [], []
        for path in paths:
            taken = exports_of(sources[path])
            lines.append(f'import {{ {", ".join(taken)} }} from "./{path}";')
            names.extend(taken)
        sources["entry.js"] = "\n".join([*lines, f"globalThis.given = {{ {', '.join(names)} }};"])
        engine = racer.MiniRacer()
        engine.eval("var window = globalThis; window.matchMedia = () => ({ addEventListener() {} });")
        engine.eval(assemble("entry.js", sources))
        return json.loads(
            engine.eval(f"(() => {{ const {{ {', '.join(names)} }} = given; return JSON.stringify({expression}); }})()")
        )

    return run
