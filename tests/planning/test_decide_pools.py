"""A table of pools in a decision: the best filter at the run's own compute, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isoflop.errors import BadInput
from isoflop.laws.catalogue import find_law
from isoflop.planning.decide import decide
from isoflop.planning.decide_effects import Baseline
from isoflop.planning.decide_options import options

ONE_LAW = find_law("besiroglu2024")
POOLS = """
[[options]]
name = "quality"
pools = [
  { name = "best", tokens = 100e9, worth = 2.0 },
  { name = "good", tokens = 300e9, worth = 1.2 },
  { name = "rest", tokens = 600e9, worth = 0.7 },
]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(POOLS, encoding="utf-8")
    return path


def kept_share(mine: Path, flops: float, **more: object) -> float:
    """Share of the tokens at hand that the filter keeps at a compute."""
    plan = Baseline(flops=flops, tokens_available=1e12)
    made = decide(
        1e9, plan, law=ONE_LAW, names=["quality"], overrides=mine, draws=200, known={"quality_half_usd": 1.0}, **more
    )  # type: ignore[arg-type]
    return made.choice("quality").unique.median / 1e12


def test_grades_are_ranked_and_their_worth_is_over_the_average(mine: Path) -> None:
    (quality,) = options(["quality"], mine)
    assert [grade.name for grade in quality.grades] == ["best", "good", "rest"]
    assert sum(grade.share for grade in quality.grades) == pytest.approx(1)
    assert sum(grade.share * grade.worth for grade in quality.grades) == pytest.approx(1)
    assert options(["quality"])[0].grades == ()


def test_the_more_compute_the_more_is_kept(mine: Path) -> None:
    shares = [kept_share(mine, flops) for flops in (1e22, 1e23, 1e24, 1e25, 1e26)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[-1] == 1
    assert (np.diff(shares) >= -1e-9).all()
    assert 0.4 in np.round(shares, 6)


def test_a_filter_is_used_only_as_long_as_its_tokens_last(tmp_path: Path, mine: Path) -> None:
    weary = tmp_path / "weary.toml"
    weary.write_text(POOLS.replace("worth = 2.0", "worth = 2.0, passes = 0.2"), encoding="utf-8")
    assert kept_share(mine, 5e22) == pytest.approx(0.1)
    assert kept_share(weary, 5e22) == pytest.approx(0.4)


def test_no_filter_of_the_table_beats_the_one_that_is_taken(mine: Path, tmp_path: Path) -> None:
    plan = Baseline(flops=1e24, tokens_available=1e12)
    made = decide(1e6, plan, law=ONE_LAW, names=["quality"], overrides=mine, draws=500)
    single = tmp_path / "single.toml"
    for rows in (("good", "rest"), ("best", "good")):  # each filter alone: the other two pools made one
        kept = {"best": (100e9, 2.0), "good": (300e9, 1.2), "rest": (600e9, 0.7)}
        merged = [name for name in kept if name in rows]
        tokens = sum(kept[name][0] for name in merged)
        worth = sum(kept[name][0] * kept[name][1] for name in merged) / tokens
        other = next(name for name in kept if name not in rows)
        single.write_text(
            '[[options]]\nname = "quality"\npools = [\n'
            f'  {{ name = "{other}", tokens = {kept[other][0]}, worth = {kept[other][1]} }},\n'
            f'  {{ name = "both", tokens = {tokens}, worth = {worth} }},\n]\n',
            encoding="utf-8",
        )
        alone = decide(1e6, plan, law=ONE_LAW, names=["quality"], overrides=single, draws=500)
        assert made.choice("quality").gain.mean >= alone.choice("quality").gain.mean - 1e-12


def test_pools_without_a_number_of_tokens_at_hand_are_refused(mine: Path) -> None:
    with pytest.raises(BadInput, match="--tokens-available"):
        decide(1e6, Baseline(flops=1e24), law=ONE_LAW, overrides=mine, draws=100)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tokens = 100e9", "tokens = -1", "must be positive"),
        ("worth = 2.0 }", "worth = 2.0, half_life = 3 }", "passes may be"),
        ("tokens = 100e9, ", "", "Needed are name, tokens and worth"),
        ('name = "quality"', 'name = "compute"', "goes with data_gain"),
    ],
)
def test_faulty_pools_are_refused_with_what_was_seen(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(POOLS.replace(old, new), encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        decide(1e6, Baseline(flops=1e24, tokens_available=1e12), law=ONE_LAW, overrides=path, draws=100)


PAGE = (Path(__file__).parents[2] / "docs/deciding.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("flops", ["1e22", "1e23", "1e24", "1e25"])
def test_the_worked_example_of_the_page_is_computed(flops: str, mine: Path) -> None:
    assert POOLS.strip() in PAGE
    cells = []
    for how, known in (("decay", {"repeat_value": 15.4}), ("half_life", {"half_life_passes": 3.0})):
        made = decide(
            1e6,
            Baseline(flops=float(flops), tokens_available=1e12),
            law=ONE_LAW,
            names=["quality"],
            overrides=mine,
            draws=200,
            known={"quality_half_usd": 5e5, "delivered": 1.0, **known},
            repeats=how,
        ).choice("quality")
        cells += [f"{made.unique.median / 1e12:.0%}".replace("%", " %"), f"{made.epochs.median:.1f}"]
        cells.append(f"{made.compute_multiplier.median:.3g}")
    assert f"| {flops} | {' | '.join(cells)} |" in PAGE
