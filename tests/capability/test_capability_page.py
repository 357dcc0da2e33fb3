"""docs/capability.md says what the commands say today."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.capability.attempts import attempts_to_see
from isoflop.capability.observational import backtest_observational
from isoflop.capability.trade import search_for_training
from isoflop.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs/capability.md").read_text(encoding="utf-8")
CHANCE = {"MMLU": 0.25, "ARC-C": 0.2, "HellaSwag": 0.25, "Winograd": 0.5, "XWinograd": 0.5}


def said(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(command)[1:])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_shown_commands_print_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = re.findall(r"```\n\$ (isoflop [^\n]+)\n(.*?)```", PAGE, re.DOTALL)
    printed = said(shown[0], capsys)
    assert [line.rstrip() for line in printed.splitlines()] == [line.rstrip() for line in shown[1].splitlines()]


def test_bold_figures_are_computed() -> None:
    assert f"**{float(attempts_to_see(0.001)):,.0f}**" in PAGE
    assert f"**{float(search_for_training(10)):.2f}**" in PAGE


@pytest.mark.parametrize("tokens", ["1e9", "1e13", "1e15"])
def test_the_table_of_joint_choices_is_what_trade_says(
    tokens: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    printed = said(f"isoflop inference trade --train-flops 1e25 --tokens {tokens}", capsys)
    (row,) = re.findall(rf"\| {tokens} \| (\S+) on (\S+) tokens, ([^|]+?) \| (\S+) \|", PAGE)
    assert f"{row[0]} parameters on {row[1]} tokens, {row[2]}, {row[3]} times the cost" in printed


def test_the_backtest_of_components_is_the_page_s_table(data_dir: Path) -> None:
    table = pl.read_csv(data_dir / "runs/obs_scaling/base_llm_benchmark_eval.csv")[:77]
    names = tuple(table.columns[5:])
    scores = table.select(pl.col(names).cast(float)).to_numpy()
    flops = 1e21 * table["FLOPs (1E21)"].cast(float).to_numpy()
    for task in names:
        keep = [i for i, name in enumerate(names) if name != task]
        others = tuple(names[i] for i in keep)
        seen = scores[:, names.index(task)]
        found = backtest_observational(scores[:, keep], others, seen, flops, 8.4e22, chance=CHANCE.get(task, 0.0))
        assert f"| {task} | {found.error:.1f} | {found.compute_error:.1f} | {found.naive_error:.1f} |" in PAGE
        assert np.isfinite(found.predicted).all()
