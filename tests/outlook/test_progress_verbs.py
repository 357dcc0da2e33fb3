"""``isoflop outlook progress``, ``effective``, ``wait`` and ``sampling`` at the door."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from isoflop.outlook.accounts import progress_outlook
from isoflop.outlook.effective import effective_outlook
from isoflop.outlook.survey import survey
from isoflop.outlook.waiting import wait_outlook
from isoflop.report.figures import specification
from isoflop.report.outlook_progress import PROGRESS_CHARTS

Run = Callable[..., tuple[int, str, str]]
EFFECTIVE = ("effective", "--flops", "3.8e25", "--date", "2024-07")
ANSWERS = {
    "progress": lambda: progress_outlook(draws=1000),
    "effective": lambda: effective_outlook(1e26, 2025.0, against_flops=1e24, against_date=2023.0, draws=1000),
    "wait": lambda: wait_outlook(as_of=2026.9, run_years=1.0, usd=1e8, lost_a_month=0.3, draws=1000),
    "sampling": lambda: survey(share=0.3, margins=[0.03]),
}


@pytest.mark.parametrize(
    "arguments",
    [("progress",), EFFECTIVE, ("wait", "--flops", "1e27"), ("sampling", "--sd", "7.1")],
    ids=lambda arguments: arguments[0],
)
def test_each_answers_in_json_alone_and_in_words(outlook: Run, arguments: tuple[str, ...]) -> None:
    more = () if arguments[0] == "sampling" else ("--draws", 1000)
    code, out, _ = outlook(*arguments, *more, "--json")
    assert code == 0
    assert isinstance(json.loads(out), dict)
    code, out, _ = outlook(*arguments, *more)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100


def test_the_dials_reach_the_accounts(outlook: Run) -> None:
    def share(*options: str) -> float:
        made = json.loads(outlook("progress", "--draws", 5000, "--json", *options)[1])
        return float(made["compute"]["parts"][1]["share"]["middle"])

    assert share("--halving", "16") < share("--halving", "5..14") < share("--halving", "5")
    assert share("--scale-dependent") < share()
    made = json.loads(
        outlook(
            *("progress", "--since", "2022", "--to", "2024", "--law", "hoffmann2022", "--draws", 1000, "--json"),
            *("--from", "N=7B,D=1T", "--into", "N=70B,D=15T"),
        )[1]
    )
    assert made["loss"]["first"] == [7e9, 1e12]
    assert made["loss"]["years"] == 2
    assert made["loss"]["law"] == "hoffmann2022"


def test_the_heights_are_drawn_with_both_anchors_named(outlook: Run, tmp_path: Path) -> None:
    assert outlook("sampling", "--sd", "7.1", "--n", 2000, "--n", 10_000, "--figures", tmp_path)[0] == 0
    assert (tmp_path / "outlook-sampling.png").stat().st_size > 10_000
    drawn = json.dumps(specification(PROGRESS_CHARTS["sampling"](survey(deviation=7.1))), ensure_ascii=False)
    assert "2,000: ±0.311" in drawn
    assert "10,000: ±0.139" in drawn


@pytest.mark.parametrize("verb", sorted(PROGRESS_CHARTS))
def test_each_chart_states_what_was_found_and_holds_its_data(verb: str) -> None:
    drawn = specification(PROGRESS_CHARTS[verb](ANSWERS[verb]()))
    assert any(digit in " ".join(drawn["title"]["text"]) for digit in "0123456789")
    assert sum(len(rows) for rows in drawn["datasets"].values()) > 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("progress", "--since", "2024", "--to", "2020"), "does not run forward"),
        (("progress", "--halving", "14..5"), "--halving 14..5 is not allowed"),
        (("progress", "--halving", "5..14", "--scale-dependent"), "exclude each other"),
        (("progress", "--law", "besiroglu"), "Did you mean"),
        (("progress", "--from", "N=7B"), "as in --from N=175B,D=300B"),
        (("progress", "--into", "N=0,D=1T"), "counts from 1 up"),
        (("effective", "--flops", "0", "--date", "2024"), "positive amount"),
        (("effective", "--flops", "1e25", "--date", "soon"), "no date"),
        (("effective", "--flops", "1e25", "--date", "2199"), "from 1990 to 2050"),
        ((*EFFECTIVE, "--against", "1e24"), "--against and --against-date"),
        (("wait",), "--flops 1e26 or --budget"),
        (("wait", "--flops", "1e26", "--budget", "$1M"), "one of them"),
        (("wait", "--flops", "1e26", "--duration", "1y"), "Allowed units"),
        (("wait", "--flops", "1e26", "--duration", "9000d"), "up to 20 years"),
        (("wait", "--flops", "1e26", "--count", "hardware,luck"), "Known, each once"),
        (("wait", "--flops", "1e26", "--lost-a-month", "5"), "--lost-a-month 5 is not allowed"),
        (("sampling",), "--sd 7.1"),
        (("sampling", "--share", "30"), "Did you mean 0.3"),
        (("sampling", "--sd", "7.1", "--n", "few"), "'few'"),
    ],
)
def test_bad_use_is_refused_with_what_is_allowed(outlook: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = outlook(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
