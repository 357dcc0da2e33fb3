"""What the lessons compute in the browser, beside Python, and how they judge answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isoflop.capability.metrics import exact_match
from isoflop.forecasting.scores import interval_score
from isoflop.laws.catalogue import find_law
from isoflop.laws.optimum import optimal_split
from isoflop.outlook.sampling import margin_of_error
from isoflop.planning.hardware import bill
from isoflop.web.lesson_figures import payloads
from isoflop.web.lessons import lessons_view


@pytest.fixture(scope="module")
def ask(run_javascript):
    view = lessons_view()

    def asked(expression: str):
        return run_javascript(["learn/model.js", "learn/law.js"], expression, dict(view.generated))

    return asked


def test_the_best_split_and_the_law_agree_with_python(ask):
    law = find_law("besiroglu2024")
    budgets = np.geomspace(1e15, 1e29, 300)
    constants = json.dumps(dict(law.constants))
    found = ask(f"{json.dumps(budgets.tolist())}.map((C) => bestSplit(law, {constants}, C))")
    split = optimal_split(law.form, law.constants, budgets)
    for name, expected in (("N", split.N_opt), ("D", split.D_opt), ("loss", split.loss)):
        assert [row[name] for row in found] == pytest.approx(list(expected), rel=1e-9)


def test_compute_for_a_loss_is_what_the_best_split_reaches_it_with(ask):
    constants = json.dumps(dict(find_law("besiroglu2024").constants))
    back = ask(f"[1e19, 1e22, 1e26].map((C) => flopsFor(law, {constants}, bestSplit(law, {constants}, C).loss))")
    assert back == pytest.approx([1e19, 1e22, 1e26], rel=1e-9)


def test_margins_scores_days_and_metrics_agree_with_python(ask):
    z = payloads(["sampling"])["sampling"]["z"]
    sizes = [10, 2000, 10_000, 1e6]
    margins = ask(f"{json.dumps(sizes)}.map((n) => marginOfError({z!r}, 7.1, n))")
    assert margins == pytest.approx(margin_of_error(7.1, sizes).tolist(), rel=1e-9)
    score = ask("[intervalScore(1.4, 1.5, 1.45, 0.8), intervalScore(1.4, 1.5, 1.6, 0.8)]")
    expected = [float(interval_score(np.array(1.4), np.array(1.5), np.array(m), 0.8)) for m in (1.45, 1.6)]
    assert score == pytest.approx(expected, rel=1e-9)
    told = payloads(["machines"])["machines"]
    days = ask(f"trainingDays(5.88e23, 1024, {told['peak']!r}, {told['mfu']['value']!r})")
    assert days == pytest.approx(bill(5.88e23, "H100", 1024).days.value, rel=1e-9)
    p = np.exp(1.8172 - 2.0)
    scores = ask('["token", "exact", "nats"].map((m) => scoreOf(m, 2.0, 1.8172, 10))')
    assert scores == pytest.approx([p, float(exact_match(p, 10)), 10 * np.log(p)], rel=1e-9)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("0.31", 0.31),
        ("0,31", 0.31),
        (" 5.9e23 FLOP", 5.9e23),
        ("5.9×10^23", 5.9e23),
        ("1,024", 1024),
        ("1,024.5", 1024.5),
        ("150B", 150e9),
        ("3 weeks", 21),
        ("21.7 days", 21.7),
        ("1 day", 1),
        ("−2", -2),
        ("8000", 8000),
    ],
)
def test_a_number_is_read_as_people_write_it(ask, typed, value):
    unit = '"FLOP"' if "FLOP" in typed else '"days"'
    assert ask(f"readNumber({json.dumps(typed)}, {{ unit: {unit}, also: {{ weeks: 7 }} }})") == pytest.approx(value)


@pytest.mark.parametrize("typed", ["much", "", "3 parsecs", "1e999", "--3"])
def test_what_is_no_number_or_another_unit_is_refused_with_advice(ask, typed):
    exercise = {"type": "number", "answer": 3, "within": 0.1, "unit": "days", "also": {}}
    result = ask(f"judge({json.dumps(exercise)}, {json.dumps(typed)})")
    assert not result["done"]
    assert result["parts"] == []
    assert any(word in result["say"] for word in ("number", "unit"))


def test_every_shipped_exercise_is_right_with_its_own_answer_and_wrong_with_another(ask):
    lessons = lessons_view().data["lessons"]
    exercises = [block for lesson in lessons for block in lesson["blocks"] if "id" in block]
    right, wrong = zip(*(_answers(exercise) for exercise in exercises), strict=True)
    given = (
        f"{json.dumps(exercises)}.map((e, i) => [judge(e, {json.dumps(right)}[i]), judge(e, {json.dumps(wrong)}[i])])"
    )
    for exercise, (good, bad) in zip(exercises, ask(given), strict=True):
        assert good["done"], exercise["id"]
        assert good["right"] is not False
        assert not (bad["done"] and bad["right"]), exercise["id"]


def _answers(exercise):
    kind = exercise["type"]
    if kind == "choice":
        right = [option["right"] for option in exercise["options"]].index(True)
        return right, (right + 1) % len(exercise["options"])
    if kind == "fill":
        words = [part["right"] for part in exercise["parts"] if isinstance(part, dict)]
        return words, [None, *words[1:]]
    if kind == "match":
        texts = [pair["definition"] for pair in exercise["pairs"]]
        return texts, texts[::-1] if len(texts) % 2 == 0 else [texts[-1], *texts[:-1]]
    if kind == "order":
        places = list(range(len(exercise["items"])))
        return places, places[::-1]
    if kind in ("number", "predict"):
        return f"{exercise['answer']!r}", f"{7 * exercise['answer']!r}" if kind == "number" else "none"
    return "word " * 60, "word"


def test_things_to_order_and_answers_to_choose_never_stand_in_the_right_order_at_first(ask):
    lessons = lessons_view().data["lessons"]
    orders = [(b["items"], b["id"]) for lesson in lessons for b in lesson["blocks"] if b["type"] == "order"]
    for shuffled in ask(f"{json.dumps(orders)}.map(([items, key]) => shuffled(items, key))"):
        assert sorted(shuffled) == list(range(len(shuffled)))
        assert shuffled != sorted(shuffled)


def test_a_prediction_is_told_how_far_off_it_was(ask):
    exercise = {"type": "predict", "answer": 20.0, "unit": "cm"}
    say = [row["say"] for row in ask(f'["20.1", "22", "15", "200"].map((x) => judge({json.dumps(exercise)}, x))')]
    assert say == [
        "You said just that.",
        "You were 10 % too high.",
        "You were 25 % too low.",
        "You were too high by a factor of 10.",
    ]
