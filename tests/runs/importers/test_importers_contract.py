"""One set of claims over every importer, on files that the real libraries wrote of the same two runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from real_files import ASKED, PARAMS, STEPS, TOKENS_PER_STEP, held_out, learning_rate, training

from isoflop.errors import RunsError
from isoflop.runs.importers import Asked, import_runs, read_logged

LIBRARIES = (
    "tensorboardx", "torch-tensorboard", "mlruns", "mlflow-db", "mlflow server", "wandb", "trackio", "lightning"
)  # fmt: skip
SAY_THEIR_SETTINGS = ("mlruns", "mlflow-db", "mlflow server", "wandb", "trackio", "lightning")
SINGLE_PRECISION = 3e-7
"""TensorBoard keeps scalars as 32-bit floats: half an ulp of numbers from 2 to 8 is at most 2.4e-7."""


@pytest.mark.parametrize("library", LIBRARIES)
class TestEveryImporter:
    def test_the_held_out_loss_at_the_end_is_the_one_that_was_logged(
        self, library: str, place: Callable[[str], str]
    ) -> None:
        runs = import_runs(place(library), asked=ASKED).runs
        by_name = dict(zip(runs.frame["run_id"], runs.loss, strict=True))
        assert set(by_name) == set(PARAMS)
        for name, loss in by_name.items():
            assert loss == pytest.approx(held_out(name)[-1], abs=SINGLE_PRECISION)

    def test_every_point_of_the_curve_comes_over(self, library: str, place: Callable[[str], str]) -> None:
        curves = import_runs(place(library), asked=ASKED).curves
        assert {curve.name for curve in curves} == set(PARAMS)
        for curve in curves:
            np.testing.assert_array_equal(curve.tokens, STEPS * TOKENS_PER_STEP)
            np.testing.assert_allclose(curve.loss, training(curve.name), atol=SINGLE_PRECISION)
            assert curve.lr is not None
            np.testing.assert_allclose(curve.lr, learning_rate(), rtol=1e-6)

    def test_the_runs_are_seen_to_be_decayed(self, library: str, place: Callable[[str], str]) -> None:
        frame = import_runs(place(library), asked=ASKED).runs.frame
        assert frame["decayed"].to_list() == [True, True]
        assert frame["lr_left"].to_list() == pytest.approx([0.1, 0.1])
        assert frame["lr"].to_list() == pytest.approx([1e-3, 1e-3])
        assert frame["tokens"].to_list() == [40 * TOKENS_PER_STEP] * 2

    def test_params_go_to_the_run_of_their_name(self, library: str, place: Callable[[str], str]) -> None:
        frame = import_runs(place(library), asked=ASKED).runs.frame
        assert dict(frame.select("run_id", "params").rows()) == PARAMS

    def test_what_the_source_does_not_say_is_asked_for_by_option(
        self, library: str, place: Callable[[str], str]
    ) -> None:
        with pytest.raises(RunsError) as caught:
            import_runs(place(library))
        asked_for = {option for option in ("--params ", "--tokens-per-step") if option in str(caught.value)}
        assert asked_for == (set() if library in SAY_THEIR_SETTINGS else {"--params ", "--tokens-per-step"})
        assert "--loss-unit" in str(caught.value)
        assert "--params-convention" in str(caught.value)

    def test_settings_that_were_logged_are_found(self, library: str, place: Callable[[str], str]) -> None:
        if library not in SAY_THEIR_SETTINGS:
            pytest.skip(f"{library} keeps no settings")
        frame = import_runs(place(library), asked=Asked(loss_unit="nats", params_convention="total")).runs.frame
        assert dict(frame.select("run_id", "params").rows()) == PARAMS
        assert frame["batch_tokens"].to_list() == [TOKENS_PER_STEP] * 2

    def test_a_training_loss_may_be_asked_for_and_is_smoothed(self, library: str, place: Callable[[str], str]) -> None:
        name = "train_loss" if library == "lightning" else "train/loss"
        runs = import_runs(place(library), asked=replace(ASKED, loss=name, share=0.5)).runs
        for run, loss, points in zip(runs.frame["run_id"], runs.loss, runs.frame["loss_points"], strict=True):
            assert points == 20
            assert abs(loss - held_out(run)[-1]) < 0.03  # the noise alone is 0.05 at its largest

    def test_an_unknown_name_is_refused_with_those_that_are_there(
        self, library: str, place: Callable[[str], str]
    ) -> None:
        with pytest.raises(RunsError, match=r"Nothing named 'los' was logged.*Known: .*loss"):
            import_runs(place(library), asked=replace(ASKED, loss="los"))


def test_states_are_those_of_the_tracking_tool(place: Callable[[str], str]) -> None:
    for library in ("mlruns", "mlflow-db", "mlflow server", "wandb"):
        assert {run.state for run in read_logged(place(library))[1]} == {"finished"}
    assert {run.state for run in read_logged(place("lightning"))[1]} == {"unknown"}


def test_the_step_that_was_logged_counts_and_not_the_calls_of_wandb_log(place: Callable[[str], str]) -> None:
    wandb = place("wandb")
    _, runs = read_logged(wandb)
    calls = runs[0].series["train/loss"].steps
    assert calls[-1] > 40  # evaluations were calls of their own, so the calls run ahead of the steps
    assert import_runs(wandb, asked=ASKED).curves[0].tokens[-1] == 40 * TOKENS_PER_STEP


def test_mlflows_database_is_told_from_trackios_and_keeps_its_nan_and_infinity(place: Callable[[str], str]) -> None:
    file = f"{place('mlflow-db')}/mlflow.db"
    assert (read_logged(file)[0], read_logged(place("trackio"))[0]) == ("mlflow", "trackio")
    odd = read_logged(file)[1][0].series["odd"]
    assert (np.isnan(odd.values[0]), odd.values[1]) == (True, -np.inf)


def test_a_run_that_was_deleted_in_mlflow_is_left_out(place: Callable[[str], str]) -> None:
    file = f"{place('mlflow-db')}/mlflow.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'small'")
    assert [run.name for run in read_logged(file)[1]] == ["large"]
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE runs SET lifecycle_stage = 'deleted'")
    with pytest.raises(RunsError, match="without runs"):
        read_logged(file)
