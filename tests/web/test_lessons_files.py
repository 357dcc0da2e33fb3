"""What a lesson's file may say, what is said of a wrong one, and that every number in the shipped ones is computed."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from isoflop.capability.metrics import exact_match
from isoflop.errors import BadInput
from isoflop.laws.catalogue import find_law
from isoflop.outlook.sampling import margin_of_error
from isoflop.planning.allocate import allocate
from isoflop.planning.hardware import bill
from isoflop.web import lesson_numbers
from isoflop.web.app import plain
from isoflop.web.lesson_files import EXERCISES
from isoflop.web.lesson_text import filled
from isoflop.web.lessons import lessons_in, lessons_view, shipped_lessons

WHOLE = """
id = "own"
title = "A lesson of one's own"
minutes = 3
summary = "Short."
values = { share = 0.25 }
[[blocks]]
type = "text"
text = "A share of {share:.0%}, and {margin_2000:.2f} cm."
[[blocks]]
type = "predict"
id = "guess"
question = "How much?"
answer = "{share}"
why = "So much."
[[blocks]]
type = "figure"
name = "valley"
after = "guess"
with = { compute = 1e22 }
[[blocks]]
type = "fill"
id = "gaps"
question = "Complete."
text = "Loss [[falls|rises]] with [[compute|time]]."
why = "It does."
"""


@pytest.fixture
def own(tmp_path):
    def write(text: str, name: str = "own.toml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_a_folder_of_ones_own_lessons_is_read_with_their_numbers_filled_in(own):
    (lesson,) = lessons_in(own(WHOLE))
    text, guess, figure, fill = lesson.data["blocks"]
    assert text["paragraphs"] == ["A share of 25 %, and 0.31 cm."]
    assert guess["answer"] == 0.25
    assert figure["with"] == {"compute": 1e22}
    assert [part["right"] for part in fill["parts"] if isinstance(part, dict)] == ["falls", "compute"]


def test_a_lesson_of_ones_own_joins_the_shipped_ones_and_one_of_the_same_id_takes_its_place(own):
    shipped = [lesson.id for lesson in shipped_lessons()]
    joined = [lesson["id"] for lesson in lessons_view(own(WHOLE)).data["lessons"]]
    assert joined == [*shipped, "own"]
    replaced = lessons_view(own(WHOLE.replace('"own"', '"limits"').replace("minutes", "order = 6\nminutes"))).data
    assert [lesson["id"] for lesson in replaced["lessons"]] == shipped
    assert replaced["lessons"][5]["title"] == "A lesson of one's own"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('type = "text"', 'type = "txt"', "own.toml, lesson 'own', block 1, field 'type': unknown type 'txt'"),
        ('name = "valley"', 'name = "vally"', "block 3 (figure), field 'name': unknown figure 'vally'"),
        ("compute = 1e22", "colour = 1", "field 'colour': unknown of with. Known: compute, share."),
        ('after = "guess"', 'after = "later"', "field 'after': no exercise 'later' above. Known: guess."),
        ("{margin_2000:.2f}", "{margin_200}", "field 'text': Unknown number 'margin_200'"),
        ("{margin_2000:.2f}", "{margin_2000.__class__}", "is no name of a number"),
        ("{margin_2000:.2f}", "{margin_2000:>99999}", "is no name of a number"),
        ('answer = "{share}"', "answer = nan", "nan is not allowed: it must be finite"),
        ('answer = "{share}"', "answer = true", "True is not allowed"),
        ("[[falls|rises]]", "[[falls]]", "the gap [[falls]] needs different words"),
        ('id = "gaps"', 'id = "guess"', "'guess' is taken by an exercise above"),
        ('why = "It does."', "", "block 4 (fill), field 'why': missing. Add it."),
        ('id = "own"', 'id = "My Lesson"', "'My Lesson' is not allowed"),
        ("minutes = 3", "minutes = ", "own.toml is no TOML"),
        ("share = 0.25", "share = [1]", "share is [1]. Allowed: numbers and texts."),
        ('title = "A lesson', 'titel = "A lesson', "field 'titel': unknown. Known: id, order, title"),
    ],
)
def test_a_wrong_lesson_is_refused_with_file_lesson_block_and_field(own, before, after, said):
    assert before in WHOLE
    with pytest.raises(BadInput, match=re.escape(said)):
        lessons_in(own(WHOLE.replace(before, after)))


def test_a_folder_without_lessons_and_two_lessons_of_one_id_are_refused(own, tmp_path):
    with pytest.raises(BadInput, match="has 0 TOML files"):
        lessons_in(tmp_path)
    with pytest.raises(BadInput, match="There is no folder"):
        lessons_in(tmp_path / "nowhere")
    own(WHOLE)
    with pytest.raises(BadInput, match="have the id 'own'"):
        lessons_in(own(WHOLE, "twin.toml"))


def test_the_words_of_a_lesson_are_text_whatever_they_say(own):
    (lesson,) = lessons_in(own(WHOLE.replace("A share", "<script>alert(1)</script> A share")))
    assert lesson.data["blocks"][0]["paragraphs"][0].startswith("<script>")


def test_eight_lessons_ship_and_each_is_short_moves_something_and_ends_in_questions():
    lessons = shipped_lessons()
    assert len(lessons) == 8
    kinds = {block["type"] for lesson in lessons for block in lesson.data["blocks"]}
    assert set(EXERCISES) <= kinds
    for lesson in lessons:
        blocks = lesson.data["blocks"]
        words = sum(len(str(block.get("paragraphs", "")).split()) for block in blocks)
        assert lesson.data["minutes"] <= 5
        assert words < 260, lesson.id  # under two minutes of reading; the rest is moving and answering
        assert any(block["type"] == "figure" for block in blocks)
        assert blocks[-1]["type"] in EXERCISES
        assert sum("id" in block for block in blocks) >= 4


def test_every_option_of_every_choice_is_explained():
    for lesson in shipped_lessons():
        for block in lesson.data["blocks"]:
            for option in block.get("options", ()):
                assert len(option["why"].split()) >= 5, option


def test_the_terms_of_the_field_are_matched_to_definitions_somewhere():
    terms = {
        pair["term"]
        for lesson in shipped_lessons()
        for block in lesson.data["blocks"]
        for pair in block.get("pairs", ())
    }
    wanted = {"Parameter", "Training data", "Compute", "Compute-efficient AI", "Scaling law", "Scaling hypothesis"}
    assert wanted | {"Emergent ability", "Diminishing returns", "Concentration of access", "Energy", "Opacity"} <= terms


def test_the_numbers_are_those_that_isoflop_computes():
    numbers = lesson_numbers.numbers()
    assert numbers["margin_2000"] == pytest.approx(float(margin_of_error(7.1, 2000)), rel=1e-12)
    assert filled("{margin_2000:.2f} {margin_10000:.2f}", numbers) == "0.31 0.14"
    best = allocate(find_law("besiroglu2024"), 1e23)
    assert numbers["N_1e23"] == pytest.approx(best.N_opt.value, rel=1e-9)
    assert numbers["ratio_1e23"] == pytest.approx(best.tokens_per_param.value, rel=1e-9)
    assert numbers["loss_1e23"] == pytest.approx(best.loss.value, rel=1e-9)
    assert numbers["run_days_1024"] == pytest.approx(bill(6 * 70e9 * 1.4e12, "H100", 1024).days.value, rel=1e-12)
    assert numbers["exact_90"] == pytest.approx(float(exact_match(0.9, 10)), rel=1e-12)
    assert numbers["bits_per_byte"] == pytest.approx(2 / math.log(2) / 4.4, rel=1e-12)
    for lower, upper in (("20", "21"), ("23", "24")):
        gain = numbers[f"loss_1e{lower}"] - numbers[f"loss_1e{upper}"]
        assert numbers[f"gain_1e{lower}"] == pytest.approx(gain, rel=1e-12)


def test_halving_the_gap_takes_the_factor_that_the_lessons_name():
    numbers, floor = lesson_numbers.numbers(), find_law("besiroglu2024").constants["E"]
    near, far = (lesson_numbers.best(C)[2] - floor for C in (1e21, 1e21 * float(numbers["halve_gap"])))
    assert far == pytest.approx(near / 2, rel=1e-9)


def test_what_the_lessons_say_of_numbers_in_words_holds():
    numbers = lesson_numbers.numbers()
    assert numbers["usd_2026"] > 1e8
    assert numbers["gain_1e21"] / numbers["gain_1e20"] == pytest.approx(2 / 3, rel=0.05)  # "about two thirds of it"
    assert numbers["compute_best"] > numbers["quality_best"] > numbers["algorithms_best"]  # option A is the right one
    assert numbers["power_first"] > 0.5
    assert 2.1e25 / 1.2e20 > 1e5
    assert numbers["copy_before_exact"] == 0
    assert numbers["copy_after_exact"] >= 0.5
    assert numbers["copy_after_logprob"] - numbers["copy_before_logprob"] > 1.5  # "jumps too"


@pytest.mark.long
def test_the_kept_numbers_are_those_that_are_computed_anew():
    kept, anew = lesson_numbers.computed(), json.loads(json.dumps(lesson_numbers.compute()))

    def same(a, b, where=""):
        if isinstance(a, dict):
            assert a.keys() == b.keys(), where
            return all(same(a[k], b[k], f"{where}.{k}") for k in a)
        if isinstance(a, list):
            assert len(a) == len(b), where
            return all(same(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True)))
        assert a == pytest.approx(b, rel=1e-5) if isinstance(a, float) else a == b, where
        return True

    assert same(kept, anew)


def test_the_lessons_take_less_than_their_share_of_the_page():
    view = lessons_view()
    assert len(json.dumps(plain(view.data), separators=(",", ":"))) < 130_000
