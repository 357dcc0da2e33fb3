"""Write docs/cli.md from the command line itself: ``python docs/make_cli_reference.py``.

Verbs, options and help come from the application, examples from running it on a small made-up ladder, so the page
cannot disagree with the command. ``tests/cli/test_reference.py`` fails when the page is older than either.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import shlex
import tempfile
from pathlib import Path
from typing import Any

import typer

from isoflop.cli.main import app, main

PAGE = Path(__file__).with_name("cli.md")
TRUTH = {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658}  # Besiroglu et al. 2024, table 1
SIZES, TOKENS = (1e7, 3e7, 1e8, 3e8, 1e9), (2e8, 1e9, 5e9, 2e10)
EXAMPLES = {
    "fit": ["isoflop fit ladder.csv", "isoflop fit ladder.csv --json"],
    "forecast": [
        "isoflop forecast ladder.csv --at N=3B,D=60B --at N=70e9,D=1.4e12",
        "isoflop forecast ladder.csv --where 'params < 500M' --targets ladder.csv --targets-where 'params > 500M'",
        "isoflop forecast ladder.csv --form chinchilla --at N=70e9,D=1.4e12 --json",
        "isoflop forecast ladder.csv --at N=70e9,T=1.4e12",
    ],
    "allocate": [
        "isoflop allocate ladder.csv --compute 1e21",
        "isoflop allocate --law besiroglu2024 --compute 5.76e23",
    ],
    "count": [
        "isoflop count --model llama3-8b --tokens 15T",
        "isoflop count --params 8B --devices 512xH100 --tokens-per-second 4.4M",
    ],
    "cost": [
        "isoflop cost --params 8B --tokens 15T --devices 512xH100",
        "isoflop cost --devices 10000xH100 --price '$25k'",
    ],
    "next": ["isoflop next ladder.csv --at C=1e22 --on H100"],
    "ladder design": ["isoflop ladder design --target-flops 1e21 --share 0.05"],
    "plan": ["isoflop plan --budget '$1M'", "isoflop plan --budget '$1M' --gpus 1xRTX-4090"],
    "decide": ["isoflop decide --budget '$1M'"],
    "backtest": ["isoflop backtest ladder.csv --cuts 0.6,0.8"],
    "watch": ["isoflop watch --finished ladder.csv --share 0.1"],
    "diagnose": ["isoflop diagnose ladder.csv --at N=3B,D=60B"],
    "approach": ["isoflop approach 3 ladder.csv --compute 1e22", "isoflop approach projection ladder.csv"],
    "laws": ["isoflop laws", "isoflop laws besiroglu2024 --at N=70e9,D=1.4e12", "isoflop laws learning-rate"],
    "check": ["isoflop check ladder.csv"],
    "study": ["isoflop study", "isoflop study entropy"],
    "outlook compute": ["isoflop outlook compute --as-of 2026-11"],
    "outlook cost": ["isoflop outlook cost --as-of 2026-11"],
    "outlook data": ["isoflop outlook data"],
    "outlook limits": ["isoflop outlook limits"],
}

INTRODUCTION = """\
# The command line

This page is written by `python docs/make_cli_reference.py`; change the command, not the page.

Every verb that answers takes `--json`: the answer alone goes to stdout, and remarks go to stderr. Numbers that JSON
lacks (NaN, infinity) are null. Exit codes: 0, done; 1, it could not be done (or `check` found an error); 2, bad use,
nothing was changed; 130, interrupted. A refusal says what was seen, what is allowed and what to do.
"""

RUNS = """\
The examples read `ladder.csv`, twenty made-up runs: the law of Besiroglu et al. (2024) with 0.3 % of noise.

```
{head}
…
```
"""


def page() -> str:
    """The whole page."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("ladder.csv").write_text(ladder())
        head = "\n".join(ladder().splitlines()[:4])
        sections = [_verb(name, command) for name, command in _commands().items()]
    return "\n".join([INTRODUCTION, RUNS.format(head=head), *sections])


def ladder() -> str:
    """The made-up runs as CSV; the noise is a fixed wave, so that every machine writes the same file."""
    rows = ["params,tokens,loss"]
    for i, (n, d) in enumerate((n, d) for n in SIZES for d in TOKENS):
        law = TRUTH["E"] + TRUTH["A"] / n ** TRUTH["alpha"] + TRUTH["B"] / d ** TRUTH["beta"]
        rows.append(f"{n:.0f},{d:.0f},{law * math.exp(0.004 * math.sin(7.0 * i**1.3)):.5f}")
    return "\n".join(rows) + "\n"


def _commands() -> dict[str, Any]:
    """Every verb by what a person types after isoflop; a group's verbs by both words."""
    group: Any = typer.main.get_command(app)
    found = {}
    for name, command in group.commands.items():
        below = getattr(command, "commands", None)
        found |= {name: command} if below is None else {f"{name} {verb}": each for verb, each in below.items()}
    return found


def _verb(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join(["isoflop", name, *map(_spelling, arguments), "[OPTIONS]"])
    rows = [f"| `{_spelling(p)}` | {_escaped(p.help or '')} | {_default(p)} |" for p in command.params]
    examples = [_example(text) for text in EXAMPLES.get(name, [])]
    table = ["| | | default |", "|---|---|---|", *rows]
    return "\n".join([f"## {name}", "", f"`{usage}`", "", _paragraphs(command.help), "", *table, "", *examples])


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar) if parameter.required else f"[{parameter.metavar}]"
    flag = getattr(parameter, "is_flag", False)
    return parameter.opts[0] if flag else f"{parameter.opts[0]} {parameter.metavar or 'VALUE'}"


def _default(parameter: Any) -> str:
    value = parameter.default
    return f"`{value}`" if value is not None and value != () and not isinstance(value, bool) else ""


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def _example(text: str) -> str:
    return f"```\n$ {text}\n{answer(shlex.split(text)[1:])}\n```\n"


def answer(arguments: list[str]) -> str:
    """What a terminal of 80 columns shows: remarks and answer."""
    shown = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), contextlib.suppress(SystemExit):
            main(arguments)
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return "\n".join(line.rstrip() for line in shown.getvalue().splitlines())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
