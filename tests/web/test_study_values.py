"""The study page as values: sources, payloads, what runs teach, and the page's own modules beside Python."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from fake_campaign import FakeCampaign, loss_at
from scipy.stats import kstwo
from study_answers import BACKTEST, LAW, NEXT, WATCH

from isoflop.errors import BadInput
from isoflop.forecasting.averaging import fit_ensemble
from isoflop.forecasting.forecast import forecast
from isoflop.forecasting.ledger import record_forecast, score_forecast
from isoflop.report.calibration import calibration_chart
from isoflop.runs.run import Run
from isoflop.runs.table import Runs
from isoflop.store import open_store
from isoflop.units import parse_count
from isoflop.web import study, study_analysis
from isoflop.web.app import render
from isoflop.web.pages import all_views
from isoflop.web.study import study_view
from isoflop.web.study_analysis import analyse, columns_of, digest_of, runs_of, usable
from isoflop.web.study_ledger import calibration, ledger_beside
from isoflop.web.study_payload import (
    POINTS,
    changed_rows,
    columns_of_rows,
    compact,
    curves_payload,
    study_payload,
    thin,
    version_of,
)
from isoflop.web.study_source import GivenSource, keyed, open_sources

MODEL = ["study/model.js"]


def rows_in(value: object) -> list[dict[str, object]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


@pytest.fixture(scope="module")
def ladder() -> Runs:
    rows = [(1e6 * 2**i, 2e7 * 2 ** (i + j)) for i in range(5) for j in range(3)]
    runs = [Run(params=N, tokens=D, loss=loss_at(N, D), run_id=f"r{n}") for n, (N, D) in enumerate(rows)]
    return Runs.from_runs(runs)


@pytest.fixture(scope="module")
def law(ladder: Runs) -> dict[str, object]:
    return dict(analyse(ladder, steps=("law",)))["law"]


class TestSources:
    def test_a_ladders_folder_tells_of_runs_in_every_state(self, tmp_path):
        campaign = FakeCampaign(tmp_path / "c")
        campaign.land(*campaign.run_ids[:3])
        campaign.train(campaign.run_ids[4], 0.5)
        (source,) = open_sources(tmp_path / "c")
        seen = source.look()
        states = {row.run_id: row.state for row in seen.rows}
        assert [states[run_id] for run_id in campaign.run_ids[:5]] == ["done", "done", "done", "planned", "running"]
        assert next(row.share for row in seen.rows if row.state == "running") == pytest.approx(0.5)
        assert len(seen.runs) == 3
        campaign.land(campaign.run_ids[3])
        assert len(source.look().runs) == 4
        assert "in a log" in str(source.log(campaign.run_ids[4]))
        curves = source.curves(campaign.run_ids)
        assert set(curves) == set(campaign.run_ids[:6])  # the trunk in training is the beginning of both its runs

    def test_a_store_a_table_and_its_studies_are_read_where_they_are(self, tmp_path, ladder):
        ladder.frame.write_csv(tmp_path / "runs.csv")
        (table,) = open_sources(tmp_path / "runs.csv")
        assert len(table.look().rows) == 15
        with open_store(tmp_path / "s.sqlite") as store:
            for study in ("a b", "A/B"):
                store.record_run(Run(params=1e6, tokens=1e9, loss=3.0, run_id="x"), study)
        found = keyed(open_sources(tmp_path / "s.sqlite"))
        assert sorted(found) == ["a-b", "a-b-2"]
        assert {source.name for source in found.values()} == {"a b", "A/B"}

    def test_a_demonstrations_target_is_shown_and_not_fitted(self, tmp_path):
        with open_store(tmp_path / "study.sqlite") as store:
            store.record_run(Run(params=1e6, tokens=1e9, loss=3.0, run_id="x"), "ladder")
            store.record_run(Run(params=4e6, tokens=4e9, loss=2.5, run_id="y"), "target")
            content = {"run_id": "y", "loss": 2.6, "low": 2.4, "high": 2.8, "level": 0.9, "params": 4e6, "tokens": 4e9}
            record = store.record_forecast(content, ["x"], "target")
            store.record_score(record.digest, "y", {"measured": 2.5}, "target")
        (source,) = open_sources(tmp_path)
        seen = source.look()
        assert [(row.run_id, row.fitted) for row in seen.rows] == [("x", True), ("y", False)]
        assert len(seen.runs) == 1
        assert [(entry["loss"], entry["measured"]) for entry in seen.ledger] == [(2.6, 2.5)]

    def test_a_place_without_a_study_is_refused_and_looking_makes_nothing(self, tmp_path):
        with pytest.raises(BadInput, match="no study in"):
            open_sources(tmp_path)
        with pytest.raises(BadInput, match="no study in"):
            open_sources(tmp_path / "absent.sqlite")
        assert list(tmp_path.iterdir()) == []


class TestPayload:
    def test_the_version_changes_with_what_is_shown_and_with_nothing_else(self, ladder):
        source = GivenSource(ladder, "a")
        one, two = (study_payload(source, source.look(), at=at) for at in ("2026-01-01", "2026-01-02"))
        assert one["version"] == two["version"] == version_of(one)
        other = GivenSource(ladder.take(np.arange(14)), "a")
        assert study_payload(other, other.look(), at="2026-01-01")["version"] != one["version"]

    def test_only_rows_that_changed_are_sent_and_merging_them_gives_all(self, tmp_path, run_javascript):
        campaign = FakeCampaign(tmp_path / "c")
        (source,) = open_sources(tmp_path / "c")
        before = columns_of_rows(source.look().rows)
        campaign.land(campaign.run_ids[2], campaign.run_ids[5])
        after = columns_of_rows(source.look().rows)
        changed = changed_rows(before, after)
        assert changed["run_id"] == [campaign.run_ids[2], campaign.run_ids[5]]
        merged = f"[...mergeColumns(mergeColumns(new Map(), {json.dumps(before)}), {json.dumps(changed)}).values()]"
        whole = f"[...mergeColumns(new Map(), {json.dumps(after)}).values()]"
        assert run_javascript(MODEL, merged) == run_javascript(MODEL, whole)

    def test_a_row_that_is_gone_asks_for_reading_all_anew(self):
        assert changed_rows({"run_id": ["a"]}, {"run_id": []}) is None

    def test_a_thinned_curve_keeps_its_ends_its_course_and_at_most_so_many_points(self):
        tokens = np.geomspace(1e3, 1e9, 5000)
        noise = np.random.default_rng(0).normal(0, 0.1, 5000)
        D, L = thin(tokens.tolist(), (3 + 100 / tokens**0.3 + noise).tolist())
        assert len(D) <= POINTS
        assert D[-1] == pytest.approx(1e9)
        assert np.abs(np.array(L)[10:-1] - 3 - 100 / np.array(D)[10:-1] ** 0.3).max() < 0.06
        assert thin([1.0, 0.0, math.nan, 3.0], [2.0, 2.0, 2.0, math.inf]) == ([1.0], [2.0])

    def test_curves_in_a_file_are_those_of_a_server_to_a_ten_thousandth(self, run_javascript):
        tokens = np.geomspace(1.2345e3, 9.8765e11, 5000)
        points = {"a": (tokens, 3 + 100 / tokens**0.3), "b": ([5e5, 1e6], [0.0123456, 0.01]), "c": ([], [])}
        there = curves_payload(points)
        small = json.dumps(compact(there))
        assert len(small) < 0.65 * len(json.dumps(there))
        found = run_javascript(MODEL, f"curvesOf({small})")
        assert found["run_id"] == ["a", "b", "c"]
        for name in ("tokens", "loss"):
            for column, expected in zip(found[name], there[name], strict=True):
                assert column == pytest.approx(expected, rel=1e-4)

    def test_a_thousand_runs_are_a_payload_of_a_quarter_megabyte_at_most(self):
        runs = [Run(params=1e6 * (i + 1), tokens=1e9 + i, loss=3.0, run_id=f"run-{i:016x}") for i in range(1000)]
        source = GivenSource(Runs.from_runs(runs), "big")
        assert len(json.dumps(study_payload(source, source.look(), at=""))) < 250_000

    def test_what_a_page_holds_of_a_hundred_runs_is_within_its_share(self, tmp_path, law, monkeypatch):
        campaign = FakeCampaign(tmp_path / "c", rungs=50)
        campaign.land(*campaign.run_ids)
        (source,) = open_sources(tmp_path / "c")
        names = campaign.run_ids
        answer = law | {"residuals": {"run_id": names, "percent": [0.1234] * len(names)}}
        monkeypatch.setattr(study, "analyse", lambda *_, **__: [("law", answer)])
        assert len(json.dumps(study_view(source).data)) < 150_000

    @pytest.mark.long
    def test_all_pages_with_a_study_of_a_hundred_runs_are_a_file_of_a_megabyte_and_a_half(self, tmp_path, law):
        campaign = FakeCampaign(tmp_path / "c", rungs=50)
        campaign.land(*campaign.run_ids)
        view = study_view(campaign.folder, steps=())
        (held,) = view.data["studies"].values()
        names = campaign.run_ids
        held["analysis"] = {"law": law | {"residuals": {"run_id": names, "percent": [0.1234] * len(names)}}}
        held["analysis"] |= {"next": NEXT, "watch": WATCH, "backtest": BACKTEST}
        whole = render([*all_views(), view])
        assert len(whole.encode()) < 1_475_000  # the dial's law of these runs takes up to 25 kB more


class TestWhatRunsTeach:
    def test_the_law_is_that_of_the_forecast_verb(self, ladder, law):
        ensemble = fit_ensemble(usable(ladder), seed=0)
        assert [form["weight"] for form in law["forms"]] == pytest.approx(list(ensemble.weights))
        ahead = law["ahead"]
        made = forecast(ensemble, N=np.array(ahead["params"]), D=np.array(ahead["tokens"]), level=0.9, seed=0)
        assert ahead["loss"] == pytest.approx(made.loss.tolist(), rel=2e-5)
        assert ahead["low"] == pytest.approx(made.low.tolist(), rel=2e-2)  # draws at rounded targets
        assert ahead["beyond"][0] == pytest.approx(1.0)
        assert len(law["residuals"]["percent"]) == 15
        assert set(LAW) == set(law)
        assert all(set(row) == set(law[k][0]) for k in ("forms",) for row in LAW[k])

    @pytest.mark.long
    def test_the_target_of_the_next_runs_is_split_as_the_law_splits_that_budget(self, ladder, law):
        target = dict(analyse(ladder, steps=("next",)))["next"]["target"]
        at = law["ahead"]["flops"].index(pytest.approx(target["flops"], rel=1e-5))
        for name in ("params", "tokens", "loss", "low", "high"):
            assert law["ahead"][name][at] == pytest.approx(target[name], rel=1e-5), name
        assert law["ahead"]["best"]

    def test_the_page_reads_forecasts_between_budgets_as_powers(self, law, run_javascript):
        ahead = law["ahead"]
        middle = math.sqrt(ahead["flops"][3] * ahead["flops"][4])
        said = run_javascript(["study/law.js"], f"forecastAt({json.dumps(ahead)}, {middle!r})", {})
        assert said["loss"] == pytest.approx(math.sqrt(ahead["loss"][3] * ahead["loss"][4]), rel=1e-9)
        exact = run_javascript(["study/law.js"], f"forecastAt({json.dumps(ahead)}, {ahead['flops'][5]!r})", {})
        assert exact["high"] == pytest.approx(ahead["high"][5], rel=1e-9)

    @pytest.mark.long
    def test_next_watch_and_backtest_answer_in_the_words_that_the_page_shows(self, ladder, monkeypatch):
        monkeypatch.setattr(study_analysis, "BACKTEST_CUTS", (0.8,))
        told = dict(analyse(ladder, steps=("next", "watch", "backtest")))
        assert all("trouble" not in answer for answer in told.values()), told
        assert told["next"]["runs"]
        assert {"params", "tokens", "flops", "spread", "low", "high", "worth"} <= told["next"]["runs"][0].keys()
        assert told["watch"]["groups"][0]["sentence"]
        assert len(told["backtest"]["points"]["ratio"]) == told["backtest"]["targets"]
        for step, made_up in (("next", NEXT), ("backtest", BACKTEST)):
            assert set(made_up) <= set(told[step]), step
            assert all(set(row) <= set(told[step][k][0]) for k in made_up for row in rows_in(made_up[k])), step
        json.dumps(told, allow_nan=False)

    def test_too_few_runs_say_so_in_every_step(self, ladder):
        told = dict(analyse(ladder.take(np.arange(3)), steps=study_analysis.STEPS))
        assert set(told) == set(study_analysis.STEPS)
        assert all("3 finished runs. A law needs at least 4" in answer["trouble"] for answer in told.values())

    def test_runs_without_a_loss_are_left_out_and_not_counted(self, ladder):
        frame = ladder.frame.with_columns(loss=ladder.frame["loss"].scatter([0], [math.nan]))
        assert len(usable(Runs(frame))) == 14

    def test_runs_travel_to_the_other_process_whole(self, ladder):
        there = runs_of(json.loads(json.dumps(columns_of(ladder))))
        assert digest_of(there) == digest_of(ladder)
        assert there.flops.tolist() == ladder.flops.tolist()


class TestThePagesModel:
    ROWS = tuple(
        {"run_id": f"r{i}", "name": name, "label": name, "note": "", "params": N, "tokens": D, "flops": 6 * N * D}
        | {"state": state, "share": share, "loss": loss}
        for i, (name, N, D, state, share, loss) in enumerate(
            [
                ("wide one", 1e6, 1e9, "done", 1, 3.0),
                ("wide two", 1e8, 1e10, "done", 1, 2.0),
                ("deep", 1e9, 1e11, "running", 0.5, 2.5),
                ("deep more", 1e9, 1e12, "planned", 0, None),
            ]
        )
    )

    @pytest.mark.parametrize(
        "text", ["1.3B", "2.6B tokens", "70e9", " 300M ", "1e21 FLOP", "1_000", ".5k", "12", "1.5K", "2T", "x", "1.3Q", "-", "1e400", "B"]
    )  # fmt: skip
    def test_counts_are_read_as_in_the_terminal(self, run_javascript, text):
        expression = f"(() => {{ try {{ return readCount({json.dumps(text)}); }} catch {{ return 'refused'; }} }})()"
        try:
            expected: float | str = parse_count(text)
        except BadInput:
            expected = "refused"
        assert run_javascript(MODEL, expression) == expected

    @pytest.mark.parametrize(
        ("filter", "kept"),
        [
            ("{}", ["r0", "r1", "r2", "r3"]),
            ('{ q: "WIDE" }', ["r0", "r1"]),
            ('{ q: " deep more " }', ["r3"]),
            ('{ q: "r2" }', ["r2"]),
            ('{ state: "running" }', ["r2"]),
            ("{ n0: 1e8 }", ["r1", "r2", "r3"]),
            ("{ n1: 1e8, d0: 1e10 }", ["r1"]),
            ('{ q: "none such" }', []),
        ],
    )
    def test_a_filter_keeps_what_meets_all_of_it(self, run_javascript, filter, kept):
        found = run_javascript(MODEL, f"filterRows({json.dumps(self.ROWS)}, {filter}).map((row) => row.run_id)")
        assert found == kept

    def test_rows_are_ordered_with_unknown_values_last_either_way(self, run_javascript):
        rows = json.dumps(self.ROWS)
        for down, expected in (("false", ["r1", "r2", "r0", "r3"]), ("true", ["r0", "r2", "r1", "r3"])):
            assert run_javascript(MODEL, f'sortRows({rows}, "loss", {down}).map((r) => r.run_id)') == expected
        assert run_javascript(MODEL, f'sortRows({rows}, "state", false).map((r) => r.run_id)')[0] == "r2"

    def test_the_summary_counts_runs_and_compute(self, run_javascript):
        told = run_javascript(MODEL, f"summary({json.dumps(self.ROWS)})")
        assert told["counts"] == {"done": 2, "running": 1, "planned": 1, "failed": 0, "diverged": 0}
        done = 6e15 + 6e18 + 0.5 * 6e20
        assert told["flops"] == pytest.approx(done, rel=1e-12)
        assert told["best"]["run_id"] == "r1"
        assert run_javascript(MODEL, f"sentence(summary({json.dumps(self.ROWS)}))") == (
            "2 of 4 runs are done; 1 is running, 1 is waiting."
        )

    @pytest.mark.parametrize(
        ("sizes", "named"),
        [
            ([422e3, 31.7e3, 113e3, 113e3], [31.7e3, 113e3, 422e3]),
            ([1e6, 1.0001e6, 2e6], [1e6, 2e6]),  # written alike
            ([5e6], [5e6]),
            ([], []),
        ],
    )
    def test_a_legend_names_the_sizes_that_there_are_and_no_others(self, run_javascript, sizes, named):
        rows = [{"params": size} for size in sizes]
        found = run_javascript([*MODEL, "core/format.js"], f"namedSizes({json.dumps(rows)}, count)")
        assert [size["params"] for size in found] == named

    def test_of_many_sizes_five_are_named_with_the_smallest_and_the_largest(self, run_javascript):
        sizes = [1e6 * 1.3**k for k in range(30)]
        rows = [{"params": size} for size in sizes]
        found = run_javascript([*MODEL, "core/format.js"], f"namedSizes({json.dumps(rows)}, count)")
        named = [size["params"] for size in found]
        assert len(named) == 5
        assert (named[0], named[-1]) == (sizes[0], sizes[-1])
        assert set(named) < set(sizes)
        assert np.ptp(np.diff(np.log(named))) < 2 * math.log(1.3)

    def test_curves_begin_where_a_two_hundredth_of_their_tokens_is_trained(self, run_javascript):
        curves = {"run_id": ["r0"], "tokens": [[1e6, 4e6, 6e6, 1e9]], "loss": [[9.0, 8.0, 7.0, 3.0]]}
        drawn = run_javascript(MODEL, f"curveRows({json.dumps(curves)}, {json.dumps(self.ROWS[:1])})")
        assert [point["tokens"] for point in drawn["lines"]] == [6e6, 1e9]

    def test_at_most_so_many_curves_are_asked_for_running_ones_first(self, run_javascript):
        rows = [{**self.ROWS[0], "run_id": f"x{i}", "params": i + 1.0} for i in range(100)]
        rows += [{**self.ROWS[2], "run_id": "live"}]
        found = run_javascript(MODEL, f"chosenRuns({json.dumps(rows)}, 10)")
        assert len(found) == len(set(found)) == 10
        assert found[0] == "live"
        assert {"x0", "x99"} <= set(found)


class TestForecastsOnRecord:
    @staticmethod
    def entry(measured: float | None, **more: object) -> dict[str, object]:
        told = {"name": "a", "made_at": "2026-01-01", "loss": 2.0, "low": 1.9, "high": 2.4, "level": 0.9, "pit": None}
        return told | {"measured": measured} | more

    def test_places_are_shares_of_the_side_of_the_interval_that_was_hit_the_newest_first(self):
        told = calibration(
            [self.entry(1.95), self.entry(2.2, name="b", made_at="2026-02-01"), self.entry(None), self.entry(3.2)]
        )
        assert told["scored"] == 3
        assert told["places"]["name"] == ["b", "a", "a"]
        assert told["places"]["at"] == pytest.approx([0.5, -0.5, 3.0])
        assert "steps" not in told
        assert calibration([])["scored"] == 0

    def test_with_ten_whole_distributions_the_calibration_chart_is_that_of_the_ledger_verb(self):
        ledger = [self.entry(2.0, pit=(i + 0.5) / 12, name=str(i)) for i in reversed(range(12))]
        told = calibration([*ledger, self.entry(2.1)])
        assert (told["scored"], told["pit"]) == (13, 12)
        frame = pl.DataFrame({"pit": [row["pit"] for row in ledger], "label": [row["name"] for row in ledger]})
        drawn = calibration_chart(frame, band=float(kstwo.ppf(0.9, 12)), title="").to_dict()
        for layer, name in ((0, "band"), (2, "steps"), (3, "dots")):
            values = drawn["datasets"][drawn["layer"][layer]["data"]["name"]]
            rows = [{k: v for k, v in row.items() if k != "label"} for row in values]
            columns = {k: v for k, v in told[name].items() if k != "forecast"}
            assert columns == {k: pytest.approx([row[k] for row in rows]) for k in columns}, name
        assert told["dots"]["forecast"][0] == "0"

    def test_an_entry_without_an_interval_around_its_forecast_is_not_placed(self):
        assert calibration([self.entry(2.0, low=None), self.entry(2.0, high=2.0)])["scored"] == 0

    def test_a_ledger_beside_the_store_gives_its_probabilities_and_forced_scores_do_not_count(self, tmp_path, ladder):
        path = tmp_path / "ledger.jsonl"
        made = forecast(fit_ensemble(usable(ladder), seed=0), N=[1e9, 2e9], D=[2e10, 4e10])
        record_forecast(made, ladder, path, "one")
        score_forecast(path, "one", loss=float(made.loss[0]))
        entries = ledger_beside(str(tmp_path / "study.sqlite"))
        assert [entry["measured"] for entry in entries] == [pytest.approx(float(made.loss[0])), None]
        assert entries[0]["pit"] == pytest.approx(0.5, abs=0.1)
        assert entries[1]["pit"] is None
        assert calibration(entries)["scored"] == 1
        score_forecast(path, "one/2", loss=1.0, measured=datetime(2020, 1, 1, tzinfo=UTC), force=True)
        assert calibration(ledger_beside(str(tmp_path / "study.sqlite")))["scored"] == 1

    def test_rows_of_one_name_stay_apart_and_are_called_as_their_runs(self, run_javascript):
        told = calibration([self.entry(1.95), self.entry(2.5)])
        rows = run_javascript(MODEL, f"placeRows({json.dumps(told['places'])}, (name) => `run ${{name}}`)")
        assert [row["forecast"] for row in rows] == ["run a", "run a (2)"]
        assert [row["what"] for row in rows] == ["inside", "missed"]
        assert rows[0]["told"] == "2.0000 (1.9000 to 2.4000, 90 %)"
