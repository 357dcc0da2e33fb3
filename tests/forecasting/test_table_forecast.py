"""Tables of any columns: laws are found by how they extrapolate, and say what they do not know."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from isoflop.errors import BadInput, LawError, RunsError
from isoflop.forecasting.folds import make_folds, reaches_beyond
from isoflop.forecasting.tabular import forecast_table, r_squared, score_table
from isoflop.forecasting.variables import find_parts
from isoflop.laws.roles import parts_of, role_of
from isoflop.runs.tabular import Table, usable_rows

QUICK: dict[str, Any] = {"replicates": 10, "starts": 8}


def experts_table(sizes: tuple[float, ...] = (1e7, 3e7, 1e8, 3e8), noise: float = 0.002) -> pl.DataFrame:
    """A mixture of experts that helps only beyond a few: 1.5 + 40/N**0.2/(1 + K/4)**0.1."""
    rng = np.random.default_rng(0)
    rows = [(k, n) for n in sizes for k in (1, 2, 4, 8, 16, 64, 256)]
    count, size = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    loss = 1.5 + 40 / size**0.2 / (1 + count / 4) ** 0.1
    return pl.DataFrame(
        {"num_experts": count, "dense_params": size, "score": loss * (1 + noise * rng.standard_normal(len(loss)))}
    )


def test_a_search_extrapolates_a_law_that_it_was_not_told() -> None:
    seen, asked = experts_table(), experts_table((1e9, 3e9), noise=0.0)
    made = forecast_table(Table(seen), Table(asked.drop("score")), target="score", **QUICK)
    scores = score_table(made, asked["score"].to_numpy())
    assert scores.r2 > 0.98
    assert scores.median_abs_rel_error < 0.01
    assert any("N above" in fold.why for fold in made.choice.folds)


def test_the_measured_losses_of_the_asked_rows_are_not_looked_at() -> None:
    seen, asked = experts_table(), experts_table((1e9,))
    blind = forecast_table(Table(seen), Table(asked.drop("score")), target="score", form="E + A/N**a/K**b", **QUICK)
    lied = asked.with_columns(score=pl.lit(99.0))
    open_ = forecast_table(Table(seen), Table(lied), target="score", form="E + A/N**a/K**b", **QUICK)
    assert np.array_equal(blind.value, open_.value)
    assert np.array_equal(blind.low, open_.low)


def test_a_forecast_is_the_same_for_the_same_seed() -> None:
    seen, asked = Table(experts_table()), Table(experts_table((1e9,)))
    first, second = (forecast_table(seen, asked, target="score", form="E + A/N**a/K**b", **QUICK) for _ in range(2))
    assert np.array_equal(first.value, second.value)
    assert np.array_equal(first.high, second.high)


def test_losses_below_zero_are_fitted_in_their_own_units_and_it_is_said() -> None:
    size, length = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
    frame = pl.DataFrame({"params": size, "tokens": length, "gain": -6 + 80 / size**0.25 + 300 / length**0.25})
    asked = pl.DataFrame({"params": [4e9], "tokens": [4e11]})
    made = forecast_table(Table(frame), Table(asked), target="gain", form="E + A/N**a + B/D**b", **QUICK)
    assert made.value[0] == pytest.approx(-6 + 80 / 4e9**0.25 + 300 / 4e11**0.25, abs=2e-3)
    assert any("residuals of the target itself" in note for note in made.notes)
    with pytest.raises(BadInput, match="takes the logarithm of gain"):
        forecast_table(Table(frame), Table(asked), target="gain", objective="log_huber", **QUICK)


def mixture_table(floor: float) -> pl.DataFrame:
    """Two groups that share a shape in the share of a domain, which may be absent."""
    first = np.array([0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.05, 0.3, 0.5])
    rows = []
    for group, offset, factor in (("small", 2.0, 1.0), ("large", 1.5, 0.8)):
        loss = offset + factor * 0.3 / (first + floor) ** 0.5
        rows.append(pl.DataFrame({"size": group, "share_a": first, "share_b": 1 - first, "loss": loss}))
    return pl.concat(rows)


def test_a_share_of_zero_is_a_value_like_any_other() -> None:
    frame = mixture_table(0.02)
    held = frame["share_a"].is_in([0.05, 0.4])
    seen, asked = Table(frame.filter(~held)), Table(frame.filter(held))
    made = forecast_table(seen, asked, target="loss", group="size", form="E + A/(r1 + s)**a", **QUICK)
    measured = asked.numbers("loss")
    assert made.value == pytest.approx(measured, abs=2e-3)
    assert {trial.mode for trial in made.choice.members} <= {"shared", "separate"}


def test_a_group_too_small_to_be_fitted_alone_borrows_the_shape_of_the_others() -> None:
    frame = mixture_table(0.02).filter(pl.col("share_a") > 0)
    few = (pl.col("size") == "small") | pl.col("share_a").is_in([0.1, 0.2, 0.6, 0.9, 0.05])
    frame = frame.filter(few)
    noise = 0.002 * np.random.default_rng(1).standard_normal(frame.height)
    frame = frame.with_columns(loss=pl.col("loss") + pl.Series(noise))
    made = forecast_table(Table(frame), None, target="loss", group="size", form="E + A/(r1 + s)**a", **QUICK)
    by_mode = {trial.mode: trial.score for trial in reversed(made.choice.trials)}
    assert "separate" not in by_mode
    assert by_mode["shared"] < 0.1 * by_mode["pooled"]
    assert {trial.mode for trial in made.choice.members} == {"shared"}


def test_an_unseen_group_is_forecast_from_all_and_it_is_said() -> None:
    frame = mixture_table(0.02)
    asked = frame.head(2).with_columns(size=pl.lit("huge"))
    made = forecast_table(Table(frame), Table(asked), target="loss", group="size", form="E + A/(r1 + s)**a", **QUICK)
    assert np.isfinite(made.value).all()
    assert any("huge has no row" in note for note in made.notes)


def test_what_is_held_out_lies_where_the_question_lies() -> None:
    frame = experts_table()
    parts = parts_of(("num_experts", "dense_params"))
    runs = {p.symbol: frame[p.column].to_numpy() for p in parts}
    larger = make_folds(runs, parts, {"K": np.array([4.0]), "N": np.array([1e9])})
    assert larger
    for fold in larger:
        assert runs["N"][fold.held].min() > runs["N"][fold.fitted].max()
    more = make_folds(runs, parts, {"K": np.array([1024.0]), "N": np.array([1e8])})
    assert {fold.why.split()[0] for fold in more} == {"K"}
    inside = make_folds(runs, parts, {"K": np.array([4.0]), "N": np.array([5e7])})
    assert all("part" in fold.why for fold in inside)


def test_cells_that_are_new_together_are_held_out_together() -> None:
    parts = parts_of(("params", "tokens", "lr"))
    grid = [(n, d, r) for n, d in ((1e8, 1e9), (1e8, 4e9), (4e8, 1e9), (4e8, 2e9)) for r in (1e-3, 2e-3)]
    runs = dict(zip(("N", "D", "lr"), np.array(grid).T, strict=True))
    asked = {"N": np.array([1e8, 1e8]), "D": np.array([2e9, 2e9]), "lr": np.array([1e-3, 2e-3])}
    for fold in make_folds(runs, parts, asked):
        held = set(zip(runs["N"][fold.held], runs["D"][fold.held], strict=True))
        fitted = set(zip(runs["N"][fold.fitted], runs["D"][fold.fitted], strict=True))
        assert not held & fitted


def test_a_table_with_one_level_left_is_not_said_to_have_been_tested() -> None:
    frame = pl.DataFrame({"parallel_size": [1.0, 2.0] * 6, "params": np.repeat(np.geomspace(1e8, 1e10, 6), 2)})
    parts = parts_of(frame.columns)
    runs = {p.symbol: frame[p.column].to_numpy() for p in parts}
    asked = {"P": np.full(6, 8.0), "N": np.unique(runs["N"])}
    folds = make_folds(runs, parts, asked)
    assert reaches_beyond(folds, runs, asked)


@pytest.mark.parametrize(
    ("column", "role"),
    [
        ("non_vocab_parameters", "size"),
        ("vocab_size", "vocabulary"),
        ("num_characters", "data"),
        ("unique_tokens", "unique"),
        ("dense_parameter_count", "size"),
        ("num_experts", "experts"),
        ("parallel_size", "streams"),
        ("lr", "rate"),
        ("bsz", "batch"),
        ("D2", "data"),
        ("N_active", "size"),
        ("temperature", "scale"),
    ],
)
def test_a_column_says_what_it_stands_for(column: str, role: str) -> None:
    assert role_of(column) == role


def test_other_losses_are_not_taken_as_variables() -> None:
    frame = pl.DataFrame({"share_a": [0.1, 0.9], "loss_1": [2.0, 3.0], "loss_2": [1.0, 4.0], "val_loss": [1.0, 2.0]})
    parts, notes = find_parts(Table(frame), None, "loss_1", None, None)
    assert [part.column for part in parts] == ["share_a"]
    assert any("loss_2, val_loss" in note for note in notes)


def test_what_cannot_be_used_is_named() -> None:
    frame = experts_table()
    with pytest.raises(RunsError, match=r"Unknown column 'scores'.*Did you mean 'score'"):
        forecast_table(Table(frame), None, target="scores")
    with pytest.raises(LawError, match="needs D, but the variables are K, N"):
        forecast_table(Table(frame), None, target="score", form="E + A/N**a + B/D**b")
    broken = frame.with_columns(dense_params=pl.lit(-5.0) + pl.col("num_experts") - 1)
    with pytest.raises(RunsError, match="no positive dense_params; the first is row 1: -5"):
        forecast_table(Table(broken), None, target="score")
    with pytest.raises(RunsError, match="row 1: score"):
        usable_rows(Table(frame.with_columns(score=pl.lit(None, dtype=pl.Float64))), ["score"], drop=False)
    with pytest.raises(BadInput, match="level = 2"):
        forecast_table(Table(frame), None, target="score", level=2.0)


def test_a_score_is_that_of_the_field() -> None:
    assert r_squared(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])) == 1
    assert r_squared(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0)) == 0


HELD = {
    "moe_scaling_law": ("loss_validation", "dense_parameter_count", 1e8, 3e8, 0.75),
    "farseer_scaling_law": ("loss", "N", 4e9, np.inf, 0.99),
}


@pytest.mark.parametrize("task", HELD)
def test_public_tables_are_extrapolated_to_larger_models(task: str, data_dir: Path) -> None:
    target, column, above, below, wanted = HELD[task]
    frame = pl.read_csv(data_dir / "runs" / "laws_benchmark" / task / "train.csv").filter(pl.col(column) < below)
    held = frame[column] > above
    asked = frame.filter(held)
    made = forecast_table(Table(frame.filter(~held)), Table(asked.drop(target)), target=target, group="group", **QUICK)
    assert score_table(made, asked[target].to_numpy()).r2 > wanted
