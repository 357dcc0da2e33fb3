"""What is written reads back equal, and nothing of what was read is lost."""

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoflop.runs import Run, Runs, read_runs, write_runs

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".json")

positive = st.floats(min_value=1e-300, max_value=1e300, allow_subnormal=False)
anything = st.floats(allow_nan=True, allow_infinity=True)
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12)
names = words.filter(lambda word: word.strip() != "")


def run(extra: st.SearchStrategy[dict[str, object]]) -> st.SearchStrategy[Run]:
    return st.builds(
        Run,
        params=positive,
        tokens=positive,
        loss=positive,
        flops=st.none() | positive,
        lr=st.none() | anything,
        seed=st.none() | st.integers(-(2**53), 2**53),
        run_id=st.none() | words,
        trunk=st.none() | words,
        extra=extra,
    )


EXTRA = st.fixed_dictionaries(
    {"share": anything, "count": st.integers(0, 10**17), "kept": st.booleans(), "label": words.map("t{}".format)}
)


def back(runs: Runs, suffix: str) -> Runs:
    with tempfile.TemporaryDirectory() as folder:
        write_runs(runs, Path(folder) / f"runs{suffix}")
        return read_runs(Path(folder) / f"runs{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(run(EXTRA), min_size=1, max_size=6))
def test_written_runs_read_back_equal(suffix: str, rows: list[Run]) -> None:
    runs = Runs.from_runs(rows)
    assert back(runs, suffix) == runs


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(run(st.just({})), min_size=1, max_size=6))
def test_a_run_survives_its_dictionary(rows: list[Run]) -> None:
    for row in rows:
        assert repr(Run.from_dict(row.to_dict())) == repr(row)  # repr, because NaN differs from itself


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_columns_of_a_public_file_survive_with_every_value(data_dir: Path, tmp_path: Path, suffix: str) -> None:
    source = data_dir / "runs/chinchilla_besiroglu/runs.csv"
    original = pl.read_csv(source, schema_overrides={"kept_240": pl.Boolean})
    write_runs(read_runs(source), tmp_path / f"runs{suffix}")
    again = read_runs(tmp_path / f"runs{suffix}")
    assert again.frame.select(original.columns).equals(original)
    assert again == read_runs(source)


def test_values_that_were_converted_are_kept_as_they_were_read(tmp_path: Path) -> None:
    (tmp_path / "bits.csv").write_text("params,tokens,loss,lr\n1.3B,26B,4.25,NA\n70B,1.4T,3.5,1e-4\n")
    runs = read_runs(tmp_path / "bits.csv", loss_unit="bits")
    write_runs(runs, tmp_path / "nats.csv")
    again = read_runs(tmp_path / "nats.csv")
    assert again == runs
    kept = {name: again.frame[f"{name} (as read)"].to_list() for name in ("params", "tokens", "loss", "lr")}
    assert kept == {"params": ["1.3B", "70B"], "tokens": ["26B", "1.4T"], "loss": [4.25, 3.5], "lr": ["NA", "1e-4"]}


def test_conventions_travel_with_the_file(tmp_path: Path) -> None:
    runs = Runs.from_runs([Run(params=1e8, tokens=2e9, loss=3.0, params_convention="non_embedding")])
    for suffix in SUFFIXES:
        again = back(runs, suffix)
        assert (again.params_convention, again.flops_convention) == ("non_embedding", "6ND")
