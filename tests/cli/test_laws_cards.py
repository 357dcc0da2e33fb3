"""The catalogue on the command line: grouped, in full, and with what laws say at a point."""

from collections.abc import Callable

import pytest
from terminal import Isoflop

from isoflop.laws import FORMS, published_laws
from isoflop.laws.catalogue import COMPUTED, TOPICS

Refused = Callable[..., str]


def test_the_list_groups_every_form_law_and_function_by_topic(isoflop: Isoflop) -> None:
    out = isoflop("laws").out
    places = [out.index(f"{topic}: {about}") for topic, about in TOPICS.items()]
    assert places == sorted(places)
    words = set(out.replace(",", " ").replace(". ", " ").replace(".\n", " ").split())
    assert {*FORMS, *published_laws(), *COMPUTED} <= words


@pytest.mark.parametrize("name", [*FORMS, *published_laws(), *COMPUTED, *TOPICS, "mixture_7"])
def test_every_card_fits_80_columns_except_for_code_to_copy(isoflop: Isoflop, name: str) -> None:
    answer = isoflop("laws", name)
    assert answer.code == 0
    lines = [line for line in answer.out.splitlines() if not line.startswith(("LaTeX:", "JavaScript:"))]
    assert max(map(len, lines)) <= 80, lines


@pytest.mark.parametrize("name", [*FORMS, *published_laws(), *COMPUTED, *TOPICS])
def test_every_card_is_strict_json_too(isoflop: Isoflop, name: str) -> None:
    answer = isoflop("laws", name, "--json").json
    assert answer.get("name", answer.get("topic")) == name


def test_a_form_card_says_formula_purpose_parameters_columns_and_an_example(isoflop: Isoflop) -> None:
    out = " ".join(isoflop("laws", "krajewski").out.split())
    for part in (
        "c + (g/G**gamma + a)/N**alpha + b/D**beta",
        "Use it for:",
        "Not for:",
        "Needs column granularity: G, feed-forward width over the width of an expert",
        "Published constants: krajewski2024",
        "isoflop fit runs.csv --form krajewski",
        "nats/token",
    ):
        assert part in out


def test_a_law_card_says_its_data_and_caution_and_its_value_with_how_far_out_it_is(isoflop: Isoflop) -> None:
    out = " ".join(isoflop("laws", "hoffmann2022", "--at", "N=70e9,D=1.4e12").out.split())
    assert "Data: over 400 runs on MassiveText, one epoch each; N 70M to 16B, D 5B to 500B" in out
    assert "L = 1.92085 nats/token" in out
    assert "Doubt: N = 70B is 4.38 times the largest of the source, 16B." in out
    answer = isoflop("laws", "hoffmann2022", "--at", "N=70e9,D=1.4e12", "--at", "N=1B,D=20B", "--json").json
    assert answer["validity"]["N"] == [7e7, 1.6e10]
    first, second = answer["at"]
    assert first["value"] == pytest.approx(1.92085, abs=1e-5)
    assert [o["quantity"] for o in first["outside"]] == ["N", "D"]
    assert second["outside"] == []


def test_laws_of_the_learning_rate_are_shown_side_by_side_with_their_disagreement(isoflop: Isoflop) -> None:
    out = isoflop("laws", "learning-rate", "--at", "N=1B,D=100B").out
    assert "They contradict each other" in out
    row = next(line.split() for line in out.splitlines() if line.startswith("steplaw2025_lr"))
    assert row == ["steplaw2025_lr", "0.00163", "×0.61", "×1.24"]
    answer = isoflop("laws", "learning-rate", "--at", "N=1B,D=100B", "--json").json
    factors = {o["law"]: o["doubling_data"] for o in answer["at"][0]["laws"]}
    assert factors["steplaw2025_lr"] > 1 > factors["bjorck2024_lr"]


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["--at", "N=1e9,D=1e10"], "the whole catalogue has no constants"),
        (["chinchilla", "--at", "N=1e9,D=1e10"], "chinchilla has no constants. Name a published law or a topic"),
        (["hoffmann2022", "--at", "N=1e9,T=1e10"], "cannot read 'T=1e10'. Allowed: SYMBOL=NUMBER with N, D"),
        (["hoffmann2022", "--at", "N=1e9,N=1e10"], "'N' is given twice"),
        (["hoffmann2022", "--at", "N=1e9"], "also needs D"),
        (["hoffmann2022", "--at", "N=-1,D=1e9"], "N = -1 is not allowed"),
        (["learning-rate", "--at", "N=1e9"], "laws are compared at a positive N and D"),
        (["learning-rte"], "Did you mean 'learning-rate'"),
        (["steplaw"], "Unknown law or form 'steplaw'"),
    ],
)
def test_a_question_the_catalogue_cannot_answer_is_refused(
    refused: Refused, arguments: list[str], pattern: str
) -> None:
    assert pattern in refused("laws", *arguments)
