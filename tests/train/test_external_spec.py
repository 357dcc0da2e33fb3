"""An external run as a value: its template, its identity, and what is refused before anything starts."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.errors import SpecError
from isoflop.runs.importers import KINDS
from isoflop.train.external import ExternalSpec, read_external
from isoflop.train.external_template import fields_of, fill_all, split

COMMAND = "torchrun train.py --width {width} --lr {lr} --tokens {tokens} --seed {seed} --out {dir}"
VALUES = {"width": 64, "lr": 3e-4}


def spec(**changes: Any) -> ExternalSpec:
    plain: dict[str, Any] = {"command": COMMAND, "tokens": 1_000_000, "params": 2e6, "values": VALUES, "log": "jsonl"}
    return ExternalSpec(**plain | changes)


def test_a_template_is_filled_argument_by_argument() -> None:
    argv = spec().argv(Path("/runs/a b/files"))
    filled = "torchrun train.py --width 64 --lr 0.0003 --tokens 1000000 --seed 0 --out"
    assert argv == (*filled.split(" "), "/runs/a b/files")


@given(text=st.text(max_size=40))
def test_whatever_a_value_holds_it_stays_one_argument(text: str) -> None:
    assert fill_all(split("train --note={note} x"), {"note": text}) == ("train", f"--note={text}", "x")


@given(
    words=st.lists(st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), min_size=1), min_size=1)
)
def test_arguments_without_fields_arrive_unchanged(words: list[str]) -> None:
    assert fill_all(split(words), {}) == tuple(words)


def test_doubled_braces_are_braces() -> None:
    argv = spec(command=["train", '--config={{"width": {width}}}', "--out={dir}", "{tokens}"]).argv(Path("d"))
    assert argv[1] == '--config={"width": 64}'


def test_an_unknown_field_is_refused_with_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"\{widht\}.*Known: .*tokens.*Did you mean 'width'"):
        spec(command="train.py --width {widht}")


@pytest.mark.parametrize(
    "command", ["train {", "train }", "train {width", "train {width!r}", "train {lr:d}", "train '"]
)
def test_a_malformed_template_is_refused(command: str) -> None:
    with pytest.raises(SpecError):
        spec(command=command)


@pytest.mark.parametrize("field", ["width.__class__", "width[0]", "0", ""])
def test_a_field_is_a_name_and_reaches_into_nothing(field: str) -> None:
    with pytest.raises(SpecError, match="nothing gives"):
        spec(command=f"train {{{field}}}")


def test_formats_are_pythons() -> None:
    assert spec(command="train --lr={lr:.1e} {tokens:,} {dir}").argv(Path("d"))[1:3] == ("--lr=3.0e-04", "1,000,000")


def test_steps_come_from_tokens_and_the_batch_and_are_never_too_few() -> None:
    given_batch = spec(command="train --steps {steps} {dir}", values={"batch_tokens": 3000})
    assert given_batch.argv(Path("d"))[2] == "334"
    with pytest.raises(SpecError, match="needs batch_tokens"):
        spec(command="train --steps {steps}")


def test_resume_follows_the_newest_checkpoint(tmp_path: Path) -> None:
    resuming = spec(
        command="train {resume} --init={checkpoint} {dir} {tokens}", checkpoint="ckpt-*", resume=["", "--resume"]
    )
    assert resuming.argv(tmp_path)[:2] == ("train", "--init=")
    (tmp_path / "ckpt-9").touch()
    assert resuming.argv(tmp_path)[:3] == ("train", "--resume", f"--init={tmp_path}/ckpt-9")
    with pytest.raises(SpecError, match="needs checkpoint, a pattern"):
        spec(command="train {resume}")


def test_the_environment_is_a_template_too() -> None:
    assert spec(env={"RUN": "w{width}"}).environment(Path("d")) == {"RUN": "w64"}
    with pytest.raises(SpecError, match="widht"):
        spec(env={"RUN": "{widht}"})


def test_what_the_command_is_never_told_is_said() -> None:
    notes = spec(command="train --width {width}").notes
    assert any("'lr' is given, but the command never sees it" in note for note in notes)
    assert any("how long to train" in note for note in notes)
    assert any("no {seed}" in note for note in notes)
    assert any("no {dir}" in note for note in notes)
    assert spec().notes == ()


def test_equal_training_has_one_identity_and_another_has_another() -> None:
    assert spec().spec_id == spec(command=COMMAND.split(), params=2_000_000).spec_id
    others = [
        spec(seed=1), spec(tokens=2_000_000), spec(values=VALUES | {"width": 65}), spec(command=COMMAND + " -v"),
        spec(env={"A": "b"}),
    ]  # fmt: skip
    assert len({spec().spec_id, *(other.spec_id for other in others)}) == 6
    assert len({spec().run_id, *(other.run_id for other in others)}) == 6


def test_another_reading_of_a_log_is_the_same_training_and_another_row() -> None:
    other = spec(log={"profile": "jsonl", "loss": "train_loss"})
    assert other.spec_id == spec().spec_id
    assert other.run_id != spec().run_id
    assert spec(grace=5.0).run_id == spec().run_id


def test_a_spec_comes_back_from_its_json(tmp_path: Path) -> None:
    full = spec(env={"A": "{width}"}, checkpoint="c*", log={"regex": r"(?P<step>\d+) (?P<loss>\S+)", "tokens": "t"})
    (tmp_path / "spec.json").write_text(full.to_json())
    assert read_external(tmp_path / "spec.json") == full
    assert json.loads(full.to_json()) == json.loads(read_external(tmp_path / "spec.json").to_json())


def test_unknown_and_missing_keys_are_named() -> None:
    with pytest.raises(SpecError, match=r"'comand'.*Did you mean 'command'"):
        ExternalSpec.from_dict({"comand": "x"})
    with pytest.raises(SpecError, match="lacks tokens, params"):
        ExternalSpec.from_dict({"command": "x {tokens}"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokens": 0}, "tokens = 0"),
        ({"tokens": 1.5}, "whole number"),
        ({"params": float("nan")}, "params"),
        ({"values": {"dir": "x"}}, "cannot be named 'dir'"),
        ({"values": {"loss": 1.0}}, "cannot be named 'loss'"),
        ({"values": {"width": "wide"}}, "a whole number"),
        ({"values": {"betas": [0.9, 0.95]}}, "no text, number or boolean"),
        ({"values": {"batch_tokens": 0}}, "batch_tokens"),
        ({"resume": ["one"]}, "two words"),
        ({"command": ""}, "empty"),
        ({"log": "nanogtp"}, "Did you mean 'nanogpt'"),
        ({"log": {"profil": "csv"}}, "Did you mean 'profile'"),
        ({"log": {"regex": "loss (.*)"}}, "named groups none"),
        ({"log": {"regex": "("}}, "Cannot read regex"),
        ({"log": {"profile": "csv", "regex": r"(?P<tokens>\d+) (?P<loss>\S+)"}}, "belongs to the profile 'regex'"),
        ({"log": {"profile": "csv", "loss_unit": "nits"}}, "Did you mean 'nats'"),
        ({"log": {"profile": "csv", "last": 0}}, "share"),
        ({"log": {"profile": "csv", "path": "../x.csv"}}, "leaves the folder"),
        ({"log": {"regex": r"(?P<step>\d+) (?P<loss>\S+)"}}, "Give batch_tokens"),
        ({"log": "litgpt"}, "Give batch_tokens"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        spec(**{"command": "train {dir} {tokens}", "values": {}} | changes)


@pytest.mark.parametrize("profile", KINDS)
def test_every_kind_that_is_imported_is_a_profile(profile: str) -> None:
    assert spec(log=profile, values=VALUES | {"batch_tokens": 1000}).spec_id


def test_the_python_that_runs_isoflop_has_a_field() -> None:
    assert spec(command="{python} train.py {dir}").argv(Path("d"))[0] == sys.executable


def test_fields_of_a_template_are_each_named_once() -> None:
    assert fields_of(spec().argv_template) == ("width", "lr", "tokens", "seed", "dir")
    assert replace(spec(), seed=3).argv(Path("d"))[9] == "3"
