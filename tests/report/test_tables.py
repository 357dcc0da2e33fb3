from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop import report
from isoflop.errors import BadInput
from isoflop.report import prose, tables


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


ROWS = [
    {"name": "small", "params": 25_088.0, "flops": 1.5e21, "ok": True, "loss": 2.34567},
    {"name": "a|b <i>", "params": 1.3e9, "flops": 2e9, "ok": False},
]
TABLE = report.Table(ROWS, formats={"params": "count", "flops": "flops", "loss": "loss"})


def test_a_table_writes_quantities_as_the_field_does() -> None:
    text = Tags(tables.to_html(TABLE)).text
    for shown in ("25.1k", "1.3B", "1.50e21 FLOP", "2.3457", "yes", "no", "–"):
        assert shown in text


def test_titles_choose_and_order_the_columns() -> None:
    table = report.Table(ROWS, titles={"loss": "Loss", "name": "Run"})
    assert tables.to_markdown(table).splitlines()[:3] == ["| Loss | Run |", "| ---: | --- |", "| 2.346 | small |"]


def test_markdown_cells_cannot_break_out_of_the_table() -> None:
    table = report.Table([{"a": "x|y\nz", "b": "<script>", "c": "*bold* [a](b)"}])
    last = tables.to_markdown(table).splitlines()
    assert len(last) == 3
    assert last[2] == r"| x\|y z | &lt;script&gt; | \*bold\* \[a\](b) |"


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(BadInput, match=r"'percentage'.*Did you mean 'percent'"):
        report.Table(ROWS, formats={"loss": "percentage"})


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_cell_and_no_heading_becomes_markup(cell: str, heading: str) -> None:
    page = Tags(tables.to_html(report.Table([{"a": cell}], titles={"a": heading}), caption=heading))
    assert set(page.tags) == {"div", "table", "thead", "tbody", "tr", "th", "td"}


@given(st.text(max_size=200))
def test_prose_never_becomes_markup_beyond_its_subset(text: str) -> None:
    assert set(Tags(prose.to_html(text)).tags) <= {"p", "ul", "li", "strong", "code"}


def test_prose_knows_paragraphs_lists_bold_and_code() -> None:
    assert prose.to_html("One\ntwo **bold** `a**b**`\n\nList:\n- x\n- y") == (
        "<p>One two <strong>bold</strong> <code>a**b**</code></p>\n<p>List:</p>\n<ul><li>x</li><li>y</li></ul>"
    )
