from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import altair as alt
import ladder_sample as sample
import polars as pl
import pytest

from isoflop import report
from isoflop.errors import BadInput

HOSTILE = """</script><script>document.title="owned"</script><img src=https://evil.example/x onerror=alert(1)>"'&"""
MAX_BYTES = 1_500_000  # still travels by mail
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page(HTMLParser):
    """The elements, attributes and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script" and data.strip():
            self.scripts.append((self.elements[-1][1], data))

    @property
    def policy(self) -> dict[str, list[str]]:
        (content,) = [a["content"] for _, a in self.elements if a.get("http-equiv") == "Content-Security-Policy"]
        return {words[0]: words[1:] for words in (part.split() for part in content.split(";"))}


@pytest.fixture(scope="module")
def path(charts: dict[str, alt.LayerChart], tmp_path_factory: pytest.TempPathFactory) -> Path:
    hostile = sample.forecasts().with_columns(label=pl.lit(HOSTILE))
    sections = [
        report.Section(heading="What was asked", prose=f"How good?\n\n- one\n- {HOSTILE}"),
        *(report.Section(heading=name, chart=chart, caption=HOSTILE) for name, chart in charts.items()),
        report.Section(heading=HOSTILE, chart=report.forecast_vs_measured(hostile, title=HOSTILE, subtitle=HOSTILE)),
        report.Section(heading="Runs", table=report.Table(sample.runs().to_dicts()), caption="All runs."),
        report.Section(heading="Names", table=report.Table([{HOSTILE: HOSTILE}])),
    ]
    folder = tmp_path_factory.mktemp("report")
    return report.write_report(folder / "report.html", title=f"Title {HOSTILE}", subtitle=HOSTILE, sections=sections)


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_the_report_is_small_enough_to_mail(path: Path) -> None:
    assert path.stat().st_size < MAX_BYTES
    assert list(path.parent.iterdir()) == [path]


def test_the_report_asks_nothing_of_any_network(page: Page) -> None:
    fetching = [
        (tag, name, value)
        for tag, attributes in page.elements
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "data", "poster", "background", "style"}
    ]
    assert {(tag, name) for tag, name, _ in fetching} == {("img", "src")}
    assert all(value.startswith("data:image/svg+xml,") for _, _, value in fetching)
    assert not {tag for tag, _ in page.elements} & {
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "audio",
        "video",
    }


def test_the_style_of_the_page_fetches_nothing(path: Path) -> None:
    (css,) = re.findall(r"<style>(.*?)</style>", path.read_text(encoding="utf-8"), re.DOTALL)
    assert len(css) > 1000
    assert "url(" not in css
    assert "@import" not in css


def test_the_policy_forbids_the_network_and_eval(page: Page) -> None:
    assert page.policy["default-src"] == ["'none'"]
    assert page.policy["connect-src"] == ["'none'"]
    assert page.policy["img-src"] == ["data:", "blob:"]
    assert all(source.startswith("'sha256-") for source in page.policy["script-src"])


def test_the_policy_names_exactly_the_scripts_of_the_page(page: Page) -> None:
    programs = [text for attributes, text in page.scripts if attributes.get("type") != "application/json"]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in programs]
    assert page.policy["script-src"] == [f"'sha256-{digest}'" for digest in hashes]
    assert len(programs) == 2


def test_hostile_text_stays_text(page: Page) -> None:
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert len(scripts) == 2 + 1 + 6  # the two programs, the themes, and a specification for each chart


def test_the_data_survive_the_way_into_the_page(page: Page) -> None:
    specs = [json.loads(text) for attributes, text in page.scripts if attributes.get("class") == "spec"]
    labels = {row.get("label") for rows in specs[-1]["datasets"].values() for row in rows}
    assert labels == {HOSTILE}
    assert all("title" not in spec and "config" not in spec for spec in specs)


def test_every_figure_has_a_still_image_with_its_finding_as_text(page: Page) -> None:
    stills = [attributes for tag, attributes in page.elements if tag == "img"]
    assert len(stills) == 6
    assert stills[0]["alt"].startswith("Larger models are lower")


def test_a_report_without_charts_has_no_program(tmp_path: Path) -> None:
    path = report.write_report(tmp_path / "r.html", title="T", sections=[report.Section(heading="H", prose="P")])
    page = Page(path.read_text())
    assert page.policy["script-src"] == ["'none'"]
    assert path.stat().st_size < 20_000


def test_a_failed_report_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")

    def refuse(source: str, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(KeyboardInterrupt):
        report.write_report(path, title="T", sections=[])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_not_a_report(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="it is a folder"):
        report.write_report(tmp_path, title="T", sections=[])


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)")
def test_a_browser_draws_every_chart_under_the_policy(path: Path, tmp_path: Path) -> None:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    flags += ["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run(
        [str(CHROMIUM), *flags, path.as_uri()], capture_output=True, text=True, timeout=200, check=True
    )
    dom = done.stdout
    assert dom.count('class="chart ready"') == 6
    assert "CONSOLE" not in done.stderr
    assert "<title>Title &lt;/script&gt;" in dom
