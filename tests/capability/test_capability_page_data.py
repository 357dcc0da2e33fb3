"""docs/capability.md on frequency, quality, repetition and two steps says what is computed today."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from isoflop import samples
from isoflop.capability.repetition import Pool, error_after, quality_tradeoff
from isoflop.capability.repetition_compare import foretell_epochs
from isoflop.capability.skill import SkillLaw, fit_skill
from isoflop.cli.main import main
from isoflop.facts import facts

PAGE = (Path(__file__).parents[2] / "docs/capability.md").read_text(encoding="utf-8")
TASKS = {"0.25": ("hellaswag", "arc_easy"), "0": ("lambada_openai", "jeopardy")}


def answer(command: str, capsys: pytest.CaptureFixture[str]) -> Any:
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(command)[1:], "--json"])
    assert ended.value.code == 0
    return json.loads(capsys.readouterr().out)


def test_the_table_of_facts_and_the_long_tail_are_what_frequency_says(capsys: pytest.CaptureFixture[str]) -> None:
    scores = Path(samples.__file__).parent / "facts-scores.parquet"
    found = answer(
        f"isoflop capability frequency {scores} --count level --score exact --by N --chance 0.03125 "
        "--where 'D > 900000' --zipf 1,100k,1M --times 1,10",
        capsys,
    )
    for law, size in zip(found["laws"], ("9.22k", "30.7k", "111k", "240k"), strict=True):
        need, ahead = law["needed"], law["ahead_error_points"]
        cells = [need["count"], ahead["line"], ahead["sigmoid"], ahead["naive"]]
        count, *errors = (f"{cell:.3g}" for cell in cells)
        assert f"| {size} | {count} | [{need['low']:.3g}, {need['high']:.3g}] | {' | '.join(errors)} |" in PAGE
    held = [law["held_out_log_likelihood"] for law in found["laws"]]
    assert f"**{sum(h['sigmoid'] - h['line'] for h in held):.1f}** in held-out" in PAGE
    size = found["by_size"]
    ends = (100 * (2 ** size[end] - 1) for end in ("low", "high"))
    assert "**{:.0f} %** of the readings [{:.0f}, {:.0f}]".format(100 * size["per_doubling"], *ends) in PAGE
    once, tenfold = found["laws"][-1]["long_tail"]
    assert f"**{once['concepts']:.1%}**".replace("%", " %") in PAGE
    assert f"**{tenfold['concepts']:.1%}**".replace("%", " %") in PAGE
    small = [f"{100 * k['concepts']:.1f}" for k in found["laws"][0]["long_tail"]]
    assert f"the smallest {small[0]} and {small[1]} %" in PAGE
    assert f"it is {100 * once['mentions']:.1f} % from the start" in PAGE


def test_the_passes_and_the_crossings_of_the_page_are_computed() -> None:
    passes = error_after(Pool("web", 1e6, 0.1, 3.0), 1e6 * np.array([1, 2, 4, 8]))
    assert f"**{', '.join(f'{value:.6f}' for value in passes)}**" in re.sub(r"\s+", " ", PAGE)
    rows = re.findall(r"\| (best|good|rest) \| (\d+)B \| ([\d.]+) \| (\d+) \|", PAGE)
    pools = [Pool(name, 1e9 * float(size), float(b), float(life)) for name, size, b, life in rows]
    crossings = quality_tradeoff(pools, np.geomspace(1e9, 1e13, 60)).crossings
    assert [f"**{seen / 1e9:.3g}B**" for seen, _, _ in crossings] == re.findall(r"\*\*[\d.]+B\*\*", PAGE)


def test_public_runs_do_not_tell_the_two_forms_of_decay_apart(data_dir: Path) -> None:
    """The file's columns of tokens are named the wrong way round."""
    table = pl.read_csv(data_dir / "runs/datablations_muennighoff/sld_182_runs.csv")
    table = table.filter(pl.col("unique_tokens") <= 60.1 * pl.col("tokens"))
    assert f"among the {table.height}\nwith at most 60" in PAGE
    columns = (table[name].to_numpy() for name in ("params", "unique_tokens", "tokens", "loss"))
    for found in foretell_epochs(*columns, up_to=(4.0, 16.0), excess=False):
        errors = " | ".join(f"{found.error[decay]:.1f}" for decay in ("amount", "exponent", "none"))
        ratio = f"{found.ratio:.3f} [{found.low:.3f}, {found.high:.3f}]"
        assert f"| {found.up_to:g} passes | {found.fitted} | {found.held_out} | {errors} | {ratio} |" in PAGE


@pytest.mark.parametrize("chance", list(TASKS))
def test_the_errors_of_two_steps_are_the_page_s(
    chance: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data_dir / "runs/gadre_overtraining"
    tasks = " ".join(f"--score {task}" for task in TASKS[chance])
    found = answer(
        f"isoflop capability two-step {folder}/runs.csv --join {folder}/downstream_accuracy.csv --chance {chance} "
        f"--where 'dataset == \"rw_original\"' --column loss=loss_c4_val {tasks} --above 2e20",
        capsys,
    )
    for one in found["scores"]:
        back = one["backtest"]
        points = " | ".join(f"{back[name]:.1f}" for name in ("error", "worst", "naive_error"))
        assert f"| {one['score']} | {points} | {back['held']:.0%} |" in PAGE
        if one["score"] == "lambada_openai":
            best = max(run["score"] for run in back["runs"])
            assert f"the later ones, up to {best:.2f}, do not" in PAGE


def test_the_curve_of_mmlu_is_that_of_the_rows_that_the_claims_take_too(data_dir: Path) -> None:
    table = pl.read_csv(data_dir / "runs/obs_scaling/base_llm_benchmark_eval.csv")[:77]
    rows = table.select(x=pl.col("FLOPs (1E21)").log10() + 21, y="MMLU").drop_nulls()
    law = fit_skill(rows["x"].to_numpy(), rows["y"].to_numpy(), chance=0.25)
    p = law.parameters
    assert f"0.25 + {p['u'] - 0.25:.3f} / (1 + exp(-{p['s']:.2f} (log10 C - {p['m']:.2f})))" in PAGE
    assert f"fitted to {law.rows} base models" in PAGE
    assert f"**{100 * law.sd:.1f} points**" in PAGE
    claims = (Path(__file__).parents[2] / "docs/claims.md").read_text(encoding="utf-8")
    assert f"the {law.rows} models whose compute is told lie **{100 * law.sd:.1f}** points" in claims


def test_what_loss_leaves_open_is_what_the_shipped_curves_say() -> None:
    rows = facts("page_skills")
    points = {name: f"**{100 * row['sd']:.1f}" for name, row in rows.items()}
    assert f"leaves {points['HellaSwag']} points** open" in PAGE
    assert f"{points['ARC-E']}**" in PAGE
    assert f"{points['LAMBADA']}**" in PAGE
    row = rows["HellaSwag"]
    law = SkillLaw("sigmoid", {key: row[key] for key in ("m", "s", "u")}, row["chance"], row["sd"], row["rows"])
    low, high = law([-3.0, -2.9])
    assert f"brings **{100 * (high - low):.1f} points** of HellaSwag" in PAGE.replace("\n", " ")
