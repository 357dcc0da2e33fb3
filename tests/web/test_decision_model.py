"""The decision page's model decides as Python does, on the same draws, under several sets of assumptions."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from scipy.special import exp1, expit, logit, ndtri

from isoflop.facts import facts
from isoflop.laws.catalogue import find_law
from isoflop.planning import decide as deciding
from isoflop.planning.decide_effects import Baseline
from isoflop.planning.decide_law import law_source
from isoflop.planning.decide_options import options
from isoflop.planning.decide_result import Decision
from isoflop.planning.decide_words import first_finding, prediction, said_choice, said_plan
from isoflop.planning.design_prior import LAWS
from isoflop.web.decision import all_unknowns, model_facts

MODULES = [
    "decide/unknowns.js",
    "decide/law.js",
    "decide/value.js",
    "decide/model.js",
    "decide/words.js",
    "decide/pools.js",
]
POOLS = "best 100B 2.0\ngood 300B 1.2 3.5\nrest, 600B, 0.7"
WEARY = "rest 9e11 0.7 5; best 1e11 2.5 0.8"
DRAWS, FEWER = 400, 200
CLOSE = {"rel": 1e-9, "abs": 1e-15}
FIVE = ["compute", "algorithms", "quality", "tokens", "inference"]
FOUR = FIVE[:4]

# name: what is asked of the page, and of Python; moved: middles; known: values
ASKED = {
    "as it opens": {"budget": 1e6, "plan": {"usd": 1e6}},
    "scarce tokens, five options": {
        "budget": 1e6,
        "plan": {"flops": 1e24, "tokens_available": 1e11},
        "options": FIVE,
        "moved": {"quality_gain": 2.2, "quality_keep": 0.45, "token_usd_per_billion": 300.0},
    },
    "a given size, half-lives, progress by scale": {
        "budget": 3e5,
        "plan": {"params": 7e9, "tokens": 4e11, "tokens_available": 6e10},
        "options": FIVE,
        "progress": "scale_dependent",
        "repeats": "half_life",
        "moved": {"half_life_passes": 2.0, "inference_bill": 0.5},
        "known": {"mfu": 0.4, "rent_usd": 2.1},
    },
    "pools of data": {
        "budget": 1e6,
        "plan": {"flops": 3e23, "tokens_available": 2e11},
        "pools": POOLS,
    },
    "pools that wear out, half-lives, a split with more data": {
        "budget": 5e6,
        "plan": {"usd": 2e6, "tokens_available": 8e10},
        "pools": WEARY,
        "repeats": "half_life",
        "moved": {"quality_half_usd": 1e6},
        "options": ["compute", "quality", "tokens"],
    },
    "one law, much known": {
        "budget": 2e7,
        "plan": {"flops": 1e25},
        "laws": [1],
        "known": {"months_per_staff_year": 6.0, "quality_half_usd": 2e5, "staff_year_usd": 3e5},
        "moved": {"team_exponent": 0.5, "delivered": 0.9},
        "options": ["algorithms", "compute", "quality"][:3],
    },
}


def everything_by_the_page(run_javascript, asked):
    laws = law_source([find_law(name) for name in LAWS])
    given = json.dumps(model_facts(options(list(facts("options"))), laws))
    expression = f"""(() => {{
      const facts = {given};
      const asked = {json.dumps(asked)};
      const draws = keptDraws(3, {DRAWS}, facts.tail);
      const unknowns = Object.fromEntries(facts.unknowns.map((one) => {{
        const known = asked.known[one.name];
        return [one.name, known ? moved(one, known, true) : moved(one, asked.moved[one.name] ?? one.middle, false)];
      }}));
      const grades = asked.pools ? {{ quality: gradesOf(readPools(asked.pools)) }} : {{}};
      const other = weigh(facts, {{ ...asked, unknowns, grades, budget: 2 * asked.budget }}, draws);
      const made = weigh(facts, {{ ...asked, unknowns, grades }}, draws, other);
      const curves = finish(returns(made, {FEWER}));
      const worth = finish(worths(made, curves[made.best]));
      const swings = finish(tornado(made, {FEWER}));
      const split = finish(mixture(made, {FEWER}, facts.most_splits));
      const found = choices(made, facts.level);
      const base = baseline(made, facts.level);
      const all = {{ made, asked, choices: found, baseline: base, curves, worth, swings, split, law: LAWS }};
      return {{
        names: made.unknowns.map((one) => one.name), low: made.unknowns.map((one) => one.low),
        high: made.unknowns.map((one) => one.high),
        shares: Object.fromEntries(["law", ...made.unknowns.map((one) => one.name)].map((name) => [name, [...draws.shares(name)]])),
        falls: made.falls.map((fall) => [...fall]), choices: found, baseline: base, curves, worth, swings, split,
        toml: asked.pools ? poolsToml("quality", readPools(asked.pools)) : "",
        headlines: headlines(made, facts.level), line: planText({{ ...all, baseline: {{ ...planLine(made), flops: base.flops }} }}),
        plan: planText(all), choice: choiceText(all), first: firstText(all), predictions: found.map((_, k) => predictionText(all, k)),
      }};
    }})()"""
    words = json.dumps({"what": deciding_words()[0], "how": deciding_words()[1]})
    return run_javascript(MODULES, expression.replace("LAWS }", f"{words} }}"))


def deciding_words():
    from isoflop.planning.decide_words import LAW_HOW, LAW_WHAT

    return LAW_WHAT, LAW_HOW


def everything_by_python(asked, found, monkeypatch, overrides) -> Decision:
    """``decide`` with the page's draws and its moved intervals."""
    monkeypatch.setattr(deciding, "CURVE_DRAWS", FEWER)
    monkeypatch.setattr(deciding, "SPLIT_DRAWS", FEWER)
    monkeypatch.setattr(deciding, "_stream", lambda _seed, name: name)
    monkeypatch.setattr(deciding, "stratified", lambda name, _draws: np.array(found["shares"][name]))
    settled = deciding.settle
    monkeypatch.setattr(deciding, "settle", lambda rows, known: tuple(shifted(settled(rows, known), asked["moved"])))
    laws = [find_law(LAWS[i]) for i in asked["laws"]] if asked["laws"] else None
    return deciding.decide(
        asked["budget"],
        Baseline(**asked["plan"]),
        law=laws,
        names=asked["options"],
        known=asked["known"],
        progress=asked["progress"],
        repeats=asked["repeats"],
        draws=DRAWS,
        overrides=overrides,
    )


def shifted(unknowns, moved):
    """Each interval about its new middle, straight in ln or in the log-odds."""
    from dataclasses import replace

    for one in unknowns:
        if one.name not in moved:
            yield one
            continue
        to, back = (logit, expit) if one.scale == "share" else (np.log, np.exp)
        low, high = (float(back(to(edge) + to(moved[one.name]) - to(one.middle))) for edge in (one.low, one.high))
        yield replace(one, low=low, middle=moved[one.name], high=high)


@pytest.mark.parametrize("case", ASKED)
def test_the_page_decides_as_python_does_on_the_same_draws(case, run_javascript, monkeypatch, tmp_path):
    usual = {"options": FOUR, "moved": {}, "known": {}, "laws": None, "progress": "halving", "repeats": "decay"}
    usual |= {"pools": None}
    asked = usual | ASKED[case]
    ordered = [name for name in FIVE if name in asked["options"]]
    asked["options"] = ordered
    found = everything_by_the_page(run_javascript, asked)
    mine = None
    if found["toml"]:  # the very table that the page gives for the terminal
        mine = tmp_path / "mine.toml"
        mine.write_text(found["toml"], encoding="utf-8")
    made = everything_by_python(asked, found, monkeypatch, mine)

    assert found["names"] == [one.name for one in made.unknowns]
    assert found["low"] == pytest.approx([one.low for one in made.unknowns], rel=1e-12)
    assert np.array(found["falls"]) == pytest.approx(
        np.stack([choice.gains for choice in made.choices]), rel=1e-9, abs=1e-12
    )
    for theirs, mine in zip(found["choices"], made.choices, strict=True):
        for name, spread in (("fall", mine.gain), ("multiplier", mine.compute_multiplier), ("worth", mine.worth)):
            assert theirs[name] == pytest.approx(vars_of(spread), rel=1e-9, abs=1e-12), name
        for name in ("flops", "params", "tokens", "epochs"):
            assert theirs[name] == pytest.approx(vars_of(getattr(mine, name)), rel=1e-9), name
        assert (theirs["best"], theirs["little"], theirs["unused"]) == pytest.approx(
            (mine.best, mine.little, mine.unused)
        )
    assert found["baseline"]["loss"] == pytest.approx(vars_of(made.baseline.loss), rel=1e-9)
    for curve, choice in zip(found["curves"], made.choices, strict=True):
        assert [p["gain"] for p in curve] == pytest.approx([p.gain.mean for p in choice.curve], rel=1e-9, abs=1e-13)
    assert [s["unknown"] for s in found["swings"]] == [s.unknown for s in made.tornado]
    for theirs, mine in zip(found["swings"], made.tornado, strict=True):
        assert theirs["leads"] == pytest.approx(mine.leads, rel=1e-9, abs=1e-12)
        assert [ordered[k] for k in theirs["best"]] == list(mine.best)
    for theirs, mine in zip(
        [*found["worth"]["each"], *found["worth"]["altogether"], found["worth"]["everything"]],
        [*made.worths, *made.altogether, made.everything],
        strict=True,
    ):
        assert theirs["name"] == mine.unknown
        assert theirs["value"] == pytest.approx(mine.information.value, **CLOSE)
        assert theirs["usd"] == (pytest.approx(mine.usd, rel=1e-6, abs=1) if mine.usd is not None else None)
    assert found["split"]["shares"] == pytest.approx(list(made.mixture.shares.values()))
    assert found["split"]["fall"] == pytest.approx(vars_of(made.mixture.gain), rel=1e-9)
    assert found["split"]["within"] == [pytest.approx(list(within)) for within in made.mixture.within.values()]
    assert found["split"]["better"] == made.mixture.better

    for theirs, whole in zip(found["headlines"], found["choices"], strict=True):
        assert [theirs[name] for name in ("fall", "multiplier", "best")] == [
            whole[name] for name in ("fall", "multiplier", "best")
        ]
    assert found["plan"] == found["line"] == said_plan(made)
    assert found["choice"] == of_a_page(said_choice(made))
    assert found["first"] == of_a_page(first_finding(made))
    assert found["predictions"] == [list(map(of_a_page, prediction(choice, made))) for choice in made.choices]


def of_a_page(text):
    """Shares as pages write them, 60 %; the terminal writes 60%."""
    return re.sub(r"(\d)%", r"\1 %", text)


def test_a_part_stands_while_what_it_hangs_on_does_and_only_then(run_javascript):
    laws = law_source([find_law(name) for name in LAWS])
    given = json.dumps(model_facts(options(list(facts("options"))), laws))
    stood, same = run_javascript(
        MODULES,
        f"""(() => {{
      const facts = {given};
      const draws = keptDraws(3, 200, facts.tail);
      const asked = (middles, more) => ({{
        budget: 1e6, plan: {{ usd: 1e6, tokens_available: 2e11 }}, options: {json.dumps(FIVE)}, laws: null, progress: "halving",
        repeats: "decay", grades: {{}}, ...more, unknowns: Object.fromEntries(facts.unknowns.map((one) =>
          [one.name, moved(one, middles[one.name] ?? one.middle, false)])),
      }});
      const changes = [[{{ quality_gain: 2 }}, {{}}], [{{ rent_usd: 2 }}, {{}}], [{{ delivered: 0.9 }}, {{}}], [{{ repeat_value: 9 }}, {{}}],
        [{{}}, {{ budget: 2e6 }}], [{{}}, {{ laws: [1] }}], [{{}}, {{ grades: {{ quality: gradesOf(readPools({json.dumps(POOLS)})) }} }}]];
      const compared = changes.map(([middles, more]) => {{
        const first = weigh(facts, asked({{}}, {{}}), draws);
        const made = weigh(facts, asked(middles, more), draws, first);
        const anew = weigh(facts, asked(middles, more), draws);
        const stood = [made.start === first.start, ...made.runs.map((run, k) => run === first.runs[k])];
        return [stood, JSON.stringify(made.falls) === JSON.stringify(anew.falls)];
      }});
      return [compared.map(([stood]) => stood), compared.map(([, same]) => same)];
    }})()""",
    )
    assert all(same)
    every, none = [True] * 6, [False] * 6
    only_data = [True, True, True, False, True, True]
    only_money = [True, *[False] * 5]
    assert stood == [only_data, none, every, none, only_money, none, only_data]


def test_values_are_said_as_python_says_them(run_javascript):
    rows = [one for one in options_unknowns() if one.unit]
    values = [0.3, 1.0, 1.4, 5000.0]
    given = json.dumps([{"unit": one.unit} for one in rows])
    found = run_javascript(["decide/words.js"], f"{given}.map((one) => {values}.map((x) => saidValue(one, x)))")
    assert found == [[one.said(value) for value in values] for one in rows]
    assert {"1 month", "1 order", "1 pass", "1 times", "$1"} <= {said[1] for said in found}


def options_unknowns():
    return all_unknowns(options(list(facts("options"))), law_source([find_law(name) for name in LAWS]))


@pytest.mark.parametrize(
    "text", ["best 100B 2", "best 100B 2\nrest 1T", "best 100B 2\nrest 1T -1", "a 1 1;b 1 1 1 1", "a 1x 1;b 2 2"]
)
def test_faulty_pools_are_refused(text, run_javascript):
    said = run_javascript(
        ["decide/pools.js"],
        f"(() => {{ try {{ readPools({json.dumps(text)}); return ''; }} catch (error) {{ return error.message; }} }})()",
    )
    assert "best 100B 2.0" in said or "at least two" in said


def vars_of(spread):
    return {"mean": spread.mean, "median": spread.median, "low": spread.low, "high": spread.high}


def test_quantiles_of_the_normal_law_and_the_exponential_integral_are_scipys(run_javascript):
    p = [1e-12, 1e-5, 0.01, 0.075, 0.3, 0.5, 0.6, 0.93, 0.99, 1 - 1e-9]
    x = np.geomspace(1e-6, 60, 40).tolist()
    found = run_javascript(
        ["core/stats.js", "decide/law.js"], f"[{json.dumps(p)}.map(normalQuantile), {json.dumps(x)}.map(exp1)]"
    )
    assert found[0] == pytest.approx(ndtri(p).tolist(), rel=1e-13, abs=1e-15)
    assert found[1] == pytest.approx(exp1(x).tolist(), rel=1e-12)


def test_draws_are_uniform_one_in_each_part_and_differ_by_name(run_javascript):
    first, second = run_javascript(
        ["decide/unknowns.js"], '[[...stratified("mfu", 0, 500)], [...stratified("law", 0, 500)]]'
    )
    assert sorted(math.floor(500 * u) for u in first) == list(range(500))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15
