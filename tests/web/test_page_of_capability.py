"""The capability page: its arithmetic is Python's; metrics, handles, links and charts work in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import gammaln

from isoflop.capability.attempts import attempts_to_see, measured_coverage, pass_at_k
from isoflop.capability.coverage import Population
from isoflop.capability.metrics import exact_match
from isoflop.capability.skill import SkillLaw, fit_skill
from isoflop.capability.trade import Demand, best_trade, techniques
from isoflop.cli.main import main
from isoflop.facts import facts
from isoflop.laws.catalogue import find_law
from isoflop.laws.optimum import optimal_split
from isoflop.web.app import render
from isoflop.web.capability import LAW, capability_view, emergence_rows, model_facts
from isoflop.workbench.studies.catalogue import find_study
from isoflop.workbench.studies.training import from_sample
from isoflop.workbench.trading import TRAIN_MFU, serving_mfu

MODEL = ["capability/model.js"]


def test_attempts_and_coverage_are_pythons(run_javascript):
    n, c, k = [200, 50, 20, 7], [10, 1, 0, 7], [10, 30, 5, 3]
    x = np.geomspace(1e-3, 1e5, 40).tolist()
    spread = Population(0.37, 4.2, 0.12, 0.0)
    many = [1, 7, 100, 5_000, 100_000]
    found = run_javascript(
        MODEL,
        f"[{json.dumps(list(zip(n, c, k, strict=True)))}.map((one) => passAtK(...one)), {json.dumps(x)}.map(logGamma),"
        f" {json.dumps(many)}.map((k) => coverage({{ a: 0.37, b: 4.2, never: 0.12 }}, k)), attemptsToSee(0.001, 0.95), exactMatch(0.9, 12)]",
    )
    assert found[0] == pytest.approx(pass_at_k(n, c, k).tolist(), rel=1e-9)
    assert found[1] == pytest.approx(gammaln(x).tolist(), rel=1e-12, abs=1e-12)
    assert found[2] == pytest.approx(spread.coverage(many).tolist(), rel=1e-9)
    assert found[3] == float(attempts_to_see(0.001)) == 2995
    assert found[4] == pytest.approx(float(exact_match(0.9, 12)), rel=1e-12)


@pytest.mark.parametrize(("flops", "tokens"), [("1e25", "1e13"), ("1e25", "1e9"), ("3e22", "5e15"), ("7e27", "2e12")])
def test_trades_are_those_of_the_verb(run_javascript, capsys, flops, tokens):
    found = run_javascript(
        MODEL,
        f"(() => {{ const facts = {json.dumps(model_facts())}; const {{ N }} = optimal(facts.law, {flops});"
        f" const demand = {{ training: {flops}, serving: 2 * N * {tokens}, ...facts.use }};"
        " return facts.trades.map((one) => bestTrade(demand, one, 121)); })()",
    )
    with pytest.raises(SystemExit) as ended:
        main(["inference", "trade", "--train-flops", flops, "--tokens", tokens, "--json"])
    assert ended.value.code == 0
    verb = {row["technique"]: row for row in json.loads(capsys.readouterr().out)["trades"]}
    assert len(found) == len(verb) == len(techniques())
    for theirs in found:
        mine = verb[theirs["name"]]
        assert [theirs[key] for key in ("training", "serving", "cost")] == pytest.approx(
            [mine[key] for key in ("training_flops", "serving_flops", "peak_flops")], rel=1e-9
        )
        assert theirs["saving"] == pytest.approx(mine["saving"], rel=1e-9, abs=1e-12)
        assert theirs["atEnd"] == mine["at_end"]
    best = max(found, key=lambda one: one["saving"])
    if (flops, tokens) == ("1e25", "1e13"):
        assert (best["name"], round(100 * best["saving"])) == ("pruning", 56)


def test_every_degree_of_a_trade_and_the_compute_optimal_run_are_pythons(run_javascript):
    demand = Demand(3e24, 8e23, TRAIN_MFU, serving_mfu())
    found = run_javascript(
        MODEL,
        f"(() => {{ const facts = {json.dumps(model_facts())}; const demand = {{ training: 3e24, serving: 8e23, ...facts.use }};"
        " return [facts.trades.map((one) => bestTrade(demand, one, 121).curve), optimal(facts.law, 1e25)]; })()",
    )
    for theirs, by in zip(found[0], techniques().values(), strict=True):
        mine = best_trade(demand, by)
        assert [[p["training"], p["serving"]] for p in theirs] == pytest.approx(mine.curve, rel=1e-9)
    law = find_law(LAW)
    split = optimal_split(law.form, law.constants, 1e25)
    assert found[1] == pytest.approx(
        {"N": float(split.N_opt), "D": float(split.D_opt), "loss": float(split.loss)}, rel=1e-9
    )


def test_readings_until_half_is_known_are_those_of_the_study(run_javascript):
    card = find_study("facts")
    found = capability_view().data["recall"]["rises"]
    half = run_javascript(MODEL, f"{json.dumps(found)}.map((one) => readingsFor(one, 0.5))")
    measures = {m.name: m.value for m in card.judge.judge(from_sample(card)).measures}
    assert half[-1] == pytest.approx(measures["readings to know half, N = 240k"], rel=1e-3)
    assert half[0] == pytest.approx(measures["readings to know half, N = 9.22k"], rel=1e-3)


def test_what_pasted_counts_measure_is_pythons_and_a_bad_line_is_named(run_javascript):
    n, c, k = [200, 50, 20, 30], [10, 1, 0, 30], [1, 3, 20]
    text = "10/200\n1 50\n\n0, 20\n30/30\n"
    found = run_javascript(MODEL, f"{json.dumps(k)}.map((k) => measuredAtK(readCounts({json.dumps(text)}).counts, k))")
    assert found == pytest.approx(measured_coverage(n, c, k).mean.tolist(), rel=1e-9)
    for bad in ("5/4", "x", "1/0", "-1/4", "1.5/4"):
        assert run_javascript(MODEL, f"readCounts({json.dumps(text + bad)})") == {"counts": [], "bad": bad}


def test_metrics_of_the_shipped_models_are_those_of_the_study():
    rows = {(row["task"], row["level"], row["N"], row["D"]): row for row in emergence_rows()}
    last = rows["add", 3, 102_400, 4_194_304]
    assert (round(100 * last["exact"]), round(100 * last["tokens"])) == (12, 77)  # the page of the study
    assert np.exp(last["logprob"]) == pytest.approx(0.53, abs=0.005)
    assert last["distance"] == pytest.approx(last["length"] * (1 - last["tokens"]), rel=1e-3)
    assert all(0 <= row["brier"] <= 1 for row in rows.values())


def test_the_skill_that_a_loss_buys_is_that_of_the_curve_and_the_curve_that_of_the_public_models(
    run_javascript, data_dir
):
    folder = data_dir / "runs/gadre_overtraining"
    table = pl.read_csv(folder / "runs.csv").join(pl.read_csv(folder / "downstream_accuracy.csv"), on="name")
    table = table.filter(pl.col("loss_c4_val").is_not_null())
    losses = [2.3, 2.7, 3.0, 4.1, 6.0]
    for name, row in facts("page_skills").items():
        law = fit_skill(-table["loss_c4_val"].to_numpy(), table[row["column"]].to_numpy(), chance=row["chance"])
        assert (law.rows, law.sd) == (row["rows"], pytest.approx(row["sd"], rel=1e-3)), name
        found = run_javascript(MODEL, f"{json.dumps(losses)}.map((loss) => skillAt({json.dumps(dict(row))}, loss))")
        assert found == pytest.approx(law(-np.array(losses)).tolist(), abs=1e-5)
        shipped = SkillLaw("sigmoid", {key: row[key] for key in ("m", "s", "u")}, row["chance"], row["sd"], row["rows"])
        assert found == pytest.approx(shipped(-np.array(losses)).tolist(), rel=1e-9)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("capability") / "page.html"
    path.write_text(render([capability_view()]), encoding="utf-8")
    return path


def test_the_metric_switch_and_handles_change_the_findings_and_the_link_keeps_them(open_page, page_file):
    opened = open_page(page_file, "#/capability?L=1&T=<b>")
    page = opened.page
    opened.charts_ready(7)
    assert "By exact match, 100 % of the change" in page.inner_text("[data-chart=capability-metric] .finding")
    page.get_by_label("log-probability").check()
    page.get_by_label("Length of the answer, L").press("ArrowRight")
    opened.wait_until("document.querySelector('.settled') && location.hash.includes('metric=logprob')")
    assert "L=2" in page.evaluate("location.hash")
    assert "By log-probability, 53 % of the change" in page.inner_text("[data-chart=capability-metric] .finding")
    assert "With 2 tokens, 77 % of tokens right makes 59 %" in page.inner_text(
        "[data-chart=capability-length] .finding"
    )
    page.evaluate("location.hash = '#/capability?skill=copy-6&k=10000&test=GSM8K'")
    opened.wait_until(
        "document.querySelector('[data-chart=capability-score] .finding').textContent.startsWith('GSM8K')"
    )
    assert "10k attempts solve" in page.inner_text("[data-chart=capability-attempts] .finding")
    page.evaluate("location.hash = '#/capability?task=LAMBADA&Q=2.6'")
    opened.wait_until(
        "document.querySelector('[data-chart=capability-skill] .finding').textContent.startsWith('LAMBADA at 2.60 nats')"
    )
    page.get_by_label("Your own problems").fill("10/200\n0/200\n200/200")
    opened.wait_until(
        "document.querySelector('.view-capability [role=status].hint').textContent.startsWith('3 problems')"
    )
    assert "at least 200 attempts each: of one attempt 35 %, of 200 67 % solved" in page.inner_text(
        ".panel [role=status]"
    )
    assert "200" not in page.evaluate("location.hash")
    with page.expect_download() as waiting:
        page.click("[data-chart=capability-metric] [data-save=csv]")
    assert waiting.value.path().read_text(encoding="utf-8").startswith("flops,size,score\n")
    assert opened.errors == []
    assert opened.asked_elsewhere == []


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1440, True)])
def test_the_capability_page_is_accessible_fits_and_overlaps_nowhere(open_page, page_file, width, dark):
    opened = open_page(page_file, width=width, dark=dark)
    opened.charts_ready(7)
    assert opened.violations() == []
    assert opened.wider_than_screen() <= 0
    assert opened.overlapping_texts() == []
