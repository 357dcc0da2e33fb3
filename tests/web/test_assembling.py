"""Modules become one script that does what the modules did."""

from __future__ import annotations

import pytest

from isoflop.errors import Failure
from isoflop.web.app import View, render, static_modules
from isoflop.web.assemble import assemble, exports_of, imports_of

racer = pytest.importorskip("py_mini_racer", reason="mini-racer is not installed: pip install -e '.[dev]'")


def test_modules_run_once_and_in_the_order_in_which_they_are_needed():
    sources = {
        "a.js": 'import { two, three as third } from "./deep/b.js";\nglobalThis.out = two() + third;\n',
        "deep/b.js": 'import { one } from "../c.js";\nexport function two() { return one + 1; }\nexport const three = 3;\n',
        "c.js": "globalThis.runs = (globalThis.runs ?? 0) + 1;\nexport const one = 1;\n",
    }
    engine = racer.MiniRacer()
    engine.eval(assemble("a.js", sources))
    assert engine.eval("[out, runs].join()") == "5,1"


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ({"a.js": 'import { x } from "./b.js";\n'}, "No module 'b.js', which a.js imports"),
        ({"a.js": 'import { x } from "./b.js";\n', "b.js": "export const y = 1;\n"}, "imports 'x' from b.js"),
        (
            {"a.js": 'import { x } from "./b.js";\n', "b.js": 'import { y } from "./a.js";\nexport const x = 1;\n'},
            "circle",
        ),
        ({"a.js": "export default 3;\n"}, "export default 3;"),
        ({"a.js": 'import x from "./b.js";\n', "b.js": ""}, "import x from"),
    ],
)
def test_what_cannot_be_assembled_is_refused(sources, says):
    with pytest.raises(Failure, match=says):
        assemble("a.js", sources)


def test_every_module_of_the_pages_takes_only_what_another_gives():
    modules = static_modules()
    assert "core/app.js" in modules
    for path, text in modules.items():
        for target, names in imports_of(path, text).items():
            assert {name.split(" as ")[0].strip() for name in names} <= set(exports_of(modules.get(target, ""))) or (
                target not in modules  # made for a page
            ), path


def test_no_module_writes_markup_or_runs_text():
    for path, text in static_modules().items():
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in text, f"{path} says {word}"


def test_data_cannot_leave_their_block():
    name = "</script><script>alert(1)</script><!--"
    page = render([View("t", "t.js", {"name": name}, generated={"t.js": "export const view = {};\n"})])
    assert name not in page
    assert "\\u003c/script>\\u003cscript>alert(1)" in page


def test_data_that_are_no_json_are_refused():
    with pytest.raises(Failure, match="no JSON"):
        render([View("t", "t.js", {"x": object()}, generated={"t.js": "export const view = {};\n"})])
