"""What a page holds once although it uses it often, and modules without what only readers of the sources need."""

from __future__ import annotations

import json

import pytest

from isoflop.report.study_page import study_charts
from isoflop.web.app import static_modules
from isoflop.web.assemble import assemble, tightened
from isoflop.web.packing import packed

PACKED = ["core/packed.js"]
SHARED = {"c": ["x" * 50, {"deep": "y" * 50}]}


def test_charts_take_less_than_half_and_come_out_as_they_were(run_javascript):
    charts = json.loads(json.dumps(study_charts()))
    small = packed(charts)
    assert len(json.dumps(small)) < len(json.dumps(charts)) / 2
    assert run_javascript(PACKED, f"unpacked({json.dumps(small)})") == charts


@pytest.mark.parametrize(
    "value",
    [
        {"a": ["x" * 50, "x" * 50], "b": [1, None, True, 0.5, {"c": ["x" * 50]}]},
        {"one": SHARED, "two": SHARED, "three": [SHARED, SHARED["c"]]},
        ["@0", "@", "@@1", "@" * 60, "@" * 60, "x" * 50, "x" * 50, "a@1"],
        {"__proto__": {"x": "z" * 50}, "again": {"x": "z" * 50}},
        [{"a": i, "b": ["@t", {"c": i}], "x" * 50: None} for i in range(4)],
        [{"a": 1}, {"a": 2}, {"b": 3}, {"a": 1}, {"a": 1}],
        [["@t", ["a"]], "@t", [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 2}]],
        {"rows": [SHARED, SHARED, SHARED, SHARED], "again": [SHARED, SHARED, SHARED, SHARED]},
        [{}, {}, {}],
        {},
        "@0",
    ],
)
def test_any_json_comes_out_as_it_went_in(run_javascript, value):
    text = json.dumps(packed(value))
    assert run_javascript(PACKED, f"unpacked(JSON.parse({json.dumps(text)}))") == value


def test_rows_name_their_columns_once():
    rows = [{"parameters": i, "loss": 2.5} for i in range(50)]
    assert packed(rows)["value"][:3] == ["@t", ["parameters", "loss"], [0, 2.5]]


def test_every_use_is_a_copy_of_its_own(run_javascript):
    text = json.dumps(packed({"one": SHARED, "two": SHARED}))
    changed = f"(() => {{ const all = unpacked({text}); all.one.c.push(1); return all.two; }})()"
    assert run_javascript(PACKED, changed) == SHARED


def test_modules_lose_indentation_and_remarks_and_nothing_else():
    text = '// a remark\n\nconst a = 1; // stays\n  if (a) {\n    // goes\n    b("// stays");\n  }\n'
    assert tightened(text) == 'const a = 1; // stays\nif (a) {\nb("// stays");\n}\n'


def test_a_text_over_several_lines_keeps_its_module_as_it_is(run_javascript):
    text = "export const poem = `one\n  // two\n\nthree`;\n"
    assert tightened(text) == text
    assert run_javascript(["t/poem.js"], "poem", {"t/poem.js": text}) == "one\n  // two\n\nthree"


def test_no_line_of_the_pages_program_is_indented_or_a_remark():
    program = assemble("core/app.js", static_modules())
    assert not [line for line in program.splitlines() if line.startswith((" ", "//"))]
