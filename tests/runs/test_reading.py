"""What read_runs makes of files and frames that can be used."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from isoflop.errors import RunsError
from isoflop.runs import parse_column_options, read_runs

CSV = "params,tokens,loss\n1e8,2e9,3.5\n2e8,4e9,3.2\n"


def write(folder: Path, text: str | bytes, name: str = "runs.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_chinchilla_points_read_as_their_readme_says(data_dir: Path) -> None:
    runs = read_runs(
        data_dir / "runs/chinchilla_besiroglu/runs.csv",
        columns=parse_column_options(["N=params", "D=tokens"]),
        where="kept_240",
    )
    assert len(runs) == 240
    assert runs.flops_convention == "stated"
    np.testing.assert_allclose(runs.flops, 6 * runs.params * runs.tokens, rtol=1e-12)
    assert runs.frame.columns[:5] == ["N", "D", "C", "loss", "kept_240"]


def test_missing_compute_is_6nd_and_the_notes_say_so(tmp_path: Path) -> None:
    runs = read_runs(write(tmp_path, CSV))
    assert runs.flops.tolist() == [6 * 1e8 * 2e9, 6 * 2e8 * 4e9]
    assert runs.flops_convention == "6ND"
    assert any("6ND" in note for note in runs.notes)


def test_compute_missing_in_one_row_is_6nd_there_only(tmp_path: Path) -> None:
    runs = read_runs(write(tmp_path, "params,tokens,loss,flops\n1e8,2e9,3.5,\n2e8,4e9,3.2,5e18\n"))
    assert runs.flops.tolist() == [1.2e18, 5e18]
    assert any("1 of 2 rows" in note for note in runs.notes)


def test_unit_suffixes_are_read_as_single_units(tmp_path: Path) -> None:
    runs = read_runs(write(tmp_path, "N,D,loss,C\n1.3B,2.6B tokens,3.1,1 PF-days\n70e9,1.4T,1.9,5.9e23 FLOP\n"))
    assert runs.params.tolist() == [1.3e9, 70e9]
    assert runs.tokens.tolist() == [2.6e9, 1.4e12]
    assert runs.flops.tolist() == [8.64e19, 5.9e23]
    assert runs.frame["N"].to_list() == ["1.3B", "70e9"]


def test_an_alias_is_taken_only_with_a_note(tmp_path: Path) -> None:
    runs = read_runs(write(tmp_path, "n_params,D,Val Loss\n1e8,2e9,3.5\n"))
    for theirs, ours in (("n_params", "params"), ("D", "tokens"), ("Val Loss", "loss")):
        assert any(f"'{theirs}' is taken for {ours}" in note for note in runs.notes)


def test_two_columns_that_could_be_params_are_refused_with_the_choice(tmp_path: Path) -> None:
    with pytest.raises(RunsError, match=r"'N' and 'n_params' .* could both be params .*--column 'N=params' or"):
        read_runs(write(tmp_path, "N,n_params,tokens,loss\n1e8,1e8,2e9,3.5\n"))


def test_an_exact_name_wins_over_an_alias(tmp_path: Path) -> None:
    assert read_runs(write(tmp_path, "N,params,tokens,loss\n7,1e8,2e9,3.5\n")).params.tolist() == [1e8]


@pytest.mark.parametrize("option", ["N=params", "params=N"])
def test_a_column_option_is_understood_in_both_orders(option: str) -> None:
    assert parse_column_options([option]) == {"params": "N"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["N"], "THEIRS=OURS"),
        (["N="], "THEIRS=OURS"),
        (["N=parms"], "Did you mean 'params'"),
        (["N=params", "M=params"], "Both 'N' and 'M'"),
    ],
)
def test_a_column_option_without_meaning_is_refused(options: list[str], message: str) -> None:
    with pytest.raises(RunsError, match=message):
        parse_column_options(options)


def test_an_unknown_column_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    path = write(tmp_path, "N,D,C,loss,kept_240\n1e8,2e9,1e18,3.5,True\n")
    with pytest.raises(RunsError, match=r"Unknown column 'flop' in .*Known: N, D, C, loss, kept_240. Did you mean 'C'"):
        read_runs(path, columns={"flops": "flop"})


def test_losses_in_bits_become_nats_and_keep_their_standard_error_in_step() -> None:
    frame = pl.DataFrame({"params": [1e8], "tokens": [2e9], "loss": [4.0], "loss_se": [0.1]})
    runs = read_runs(frame, loss_unit="bits")
    assert runs.loss[0] == 4.0 * math.log(2)
    assert runs.column("loss_se")[0] == 0.1 * math.log(2)
    assert runs.frame["loss (as read)"].to_list() == [4.0]


def test_bits_per_byte_need_bytes_per_token_and_use_it() -> None:
    frame = pl.DataFrame({"params": [1e8], "tokens": [2e9], "loss": [1.0]})
    with pytest.raises(RunsError, match="bytes_per_token"):
        read_runs(frame, loss_unit="bits_per_byte")
    assert read_runs(frame, loss_unit="bits_per_byte", bytes_per_token=4.0).loss[0] == 4 * math.log(2)
    with_column = frame.with_columns(bytes_per_token=pl.lit(3.0))
    assert read_runs(with_column, loss_unit="bits_per_byte").loss[0] == 3 * math.log(2)


def test_a_file_that_names_its_unit_is_believed_and_not_contradicted() -> None:
    frame = pl.DataFrame({"params": [1e8], "tokens": [2e9], "loss": [4.0], "loss_unit": ["bits"]})
    assert read_runs(frame).loss[0] == 4.0 * math.log(2)
    with pytest.raises(RunsError, match="says loss_unit = bits"):
        read_runs(frame, loss_unit="nats")


def test_another_column_can_be_the_response_even_a_negative_one() -> None:
    frame = pl.DataFrame({"params": [1e8], "tokens": [2e9], "loss": [3.0], "margin": [-0.5]})
    runs = read_runs(frame, target="margin")
    assert (runs.loss[0], runs.target, runs.frame["loss (as read)"][0]) == (-0.5, "margin", 3.0)
    assert any("margin" in note for note in runs.notes)


def test_a_question_may_need_any_column_of_the_file() -> None:
    frame = pl.DataFrame({"params": [1e8], "tokens": [2e9], "loss": [3.0], "experts": ["8"]})
    assert read_runs(frame, needs=("params", "tokens", "loss", "experts")).column("experts").tolist() == [8.0]
    with pytest.raises(RunsError, match="no column for unique_tokens"):
        read_runs(frame, needs=("params", "tokens", "loss", "unique_tokens"))


@pytest.mark.parametrize(
    "text",
    [
        CSV.replace("\n", "\r\n"),
        "\ufeff" + CSV,
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace(",", ", "),
        CSV + "\n\n",
        CSV.rstrip("\n"),
    ],
    ids=["crlf", "byte order mark", "semicolons", "tabs", "spaces", "blank lines", "no last line break"],
)
def test_every_common_spelling_of_a_csv_reads_the_same(tmp_path: Path, text: str) -> None:
    assert read_runs(write(tmp_path, text)) == read_runs(write(tmp_path, CSV, "plain.csv"))


def test_truth_values_of_a_csv_are_truth_values(tmp_path: Path) -> None:
    runs = read_runs(write(tmp_path, "params,tokens,loss,kept\n1e8,2e9,3.5,True\n2e8,4e9,3.2,False\n"))
    assert runs.column("kept").tolist() == [True, False]


def test_names_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    runs = read_runs(write(tmp_path, "params,tokens,loss,tag,run_id,trunk\n1e8,2e9,3.5,007,1.50,nan\n"))
    assert runs.frame["tag"].to_list() == ["007"]
    assert runs.frame.select("run_id", "trunk").row(0) == ("1.50", "nan")


def test_all_formats_and_frames_give_equal_runs(tmp_path: Path) -> None:
    frame = pl.DataFrame({"params": [1e8, 2e8], "tokens": [2e9, 4e9], "loss": [3.5, 3.25], "note": ["a", None]})
    wanted = read_runs(frame)
    frame.write_csv(tmp_path / "r.csv")
    frame.write_csv(tmp_path / "r.tsv", separator="\t")
    frame.write_parquet(tmp_path / "r.parquet")
    frame.write_ndjson(tmp_path / "r.jsonl")
    frame.write_json(tmp_path / "r.json")
    for suffix in ("csv", "tsv", "parquet", "jsonl", "json"):
        assert read_runs(tmp_path / f"r.{suffix}") == wanted, suffix
    assert read_runs(pd.DataFrame(frame.to_dict(as_series=False))) == wanted
    assert read_runs(frame.lazy()) == wanted


def test_json_lines_may_lack_keys_and_mix_whole_numbers_with_others(tmp_path: Path) -> None:
    text = (
        '{"params": 100000000, "tokens": 2e9, "loss": 3.5}\n\n{"tokens": 4e9, "params": 2.5e8, "loss": 3, "lr": 1e-3}\n'
    )
    runs = read_runs(write(tmp_path, text, "r.jsonl"))
    assert runs.params.tolist() == [1e8, 2.5e8]
    assert np.isnan(runs.column("lr")[0])


def test_a_filter_can_leave_out_the_rows_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "params,tokens,loss,ok\n1e8,2e9,3.5,True\n2e8,n.d.,oops,False\n")
    with pytest.raises(RunsError, match="row 2"):
        read_runs(path)
    assert read_runs(path, where="ok").loss.tolist() == [3.5]


def test_bad_rows_are_dropped_only_on_request_and_said(tmp_path: Path) -> None:
    path = write(tmp_path, "params,tokens,loss\n1e8,2e9,3.5\n-1,4e9,3.2\n2e8,4e9,\n")
    with pytest.raises(RunsError, match=r"2 of 3 rows .*row 2: params is -1; row 3: loss is missing"):
        read_runs(path)
    runs = read_runs(path, drop_bad=True)
    assert len(runs) == 1
    assert any("2 of 3 rows" in note and "left out" in note for note in runs.notes)
