"""Small modules into one script: what a bundler does, for the little of the language that the pages use.

A module may say ``import { a, b as c } from "./other.js";`` at the start of a line, and ``export`` before a function, a
class or a constant. Each becomes a function that runs once and gives back what it exports, in an order in which nothing
is used before it is there. A page opened from disk may load no second file, so its modules have to travel in one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath

from isoflop.errors import Failure

_IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"([^"]+)";[ \t]*$', re.MULTILINE)
_EXPORT = re.compile(
    r"^export\s+(async\s+function\s*\*?|function\s*\*?|class|const)\s+([A-Za-z_$][\w$]*)", re.MULTILINE
)
_OTHER = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)
_REMARKS = re.compile(r"^[ \t]*//.*\n|^[ \t]+|^\n", re.MULTILINE)


def assemble(entry: str, sources: Mapping[str, str]) -> str:
    """The script that runs the module ``entry``; sources: module path ("core/dom.js") to its text.

    Raises Failure for a module that is not there, a circle of imports, and an import or export of another kind.
    """
    order: list[str] = []
    _visit(entry, sources, order, ())
    names = {path: f"module_{index}" for index, path in enumerate(order)}
    parts = [_wrapped(path, sources[path], names) for path in order]
    return "\n".join(parts) + "\n"


def exports_of(text: str) -> list[str]:
    """The names that a module exports, in order."""
    return [name for _, name in _EXPORT.findall(text)]


def imports_of(path: str, text: str) -> dict[str, list[str]]:
    """The modules that ``path`` imports, each with the names it takes."""
    found: dict[str, list[str]] = {}
    for names, target in _IMPORT.findall(text):
        parts = [part.strip() for part in names.split(",") if part.strip()]
        found.setdefault(normpath(join(dirname(path), target)), []).extend(parts)
    return found


def _visit(path: str, sources: Mapping[str, str], order: list[str], above: tuple[str, ...]) -> None:
    if path in order:
        return
    if path in above:
        raise Failure(f"Modules import each other in a circle: {' -> '.join((*above, path))}.")
    if path not in sources:
        raise Failure(f"No module {path!r}{f', which {above[-1]} imports' if above else ''}.")
    for target, names in imports_of(path, sources[path]).items():
        _visit(target, sources, order, (*above, path))
        given = exports_of(sources[target])
        for name in names:
            if name.split(" as ")[0].strip() not in given:
                raise Failure(f"{path} imports {name!r} from {target}, which exports {', '.join(given) or 'nothing'}.")
    order.append(path)


def _wrapped(path: str, text: str, names: Mapping[str, str]) -> str:
    given = exports_of(text)

    def taken(match: re.Match[str]) -> str:
        target = names[normpath(join(dirname(path), match[2]))]
        return f"const {{ {match[1].replace(' as ', ': ').strip()} }} = {target};"

    body = _IMPORT.sub(taken, text)
    body = _EXPORT.sub(r"\1 \2", body)
    if other := _OTHER.search(body):
        raise Failure(
            f"{path} says {other[0]!r}. A page's module may import names from a file and export a function, class or "
            f"constant where it is made."
        )
    returned = f"return {{ {', '.join(given)} }};\n" if given else ""
    return f"const {names[path]} = (() => {{ // {path}\n{tightened(body).strip()}\n{returned}}})();"


def tightened(text: str) -> str:
    """Without indentation, empty lines and lines that are a remark, which readers of the sources have and browsers
    need not load. A module with a text over several lines, where spaces may count, stays as it is."""
    if any(line.count("`") % 2 for line in text.split("\n")):
        return text
    return _REMARKS.sub("", text)
