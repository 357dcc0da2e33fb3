"""Every refusal says what was seen, what is allowed and what to do, with exit code 2 and an empty stdout."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from terminal import ONE_FORM, Isoflop

from isoflop.cli.main import app, main

Refused = Callable[..., str]

# name -> (content, what was seen, what is allowed or what to do)
FILES: dict[str, tuple[bytes, str, str]] = {
    "empty.csv": (b"", "is empty", "a header line and at least one row"),
    "header.csv": (b"params,tokens,loss\n", "a header and no rows", "Add rows"),
    "text.csv": (b"params,tokens,loss\n1e8,many,3\n", "row 1: 'many'", "numbers.*Correct the cells"),
    "nan.csv": (b"params,tokens,loss\n1e8,2e9,NaN\n", "row 1: loss is nan", "finite.*Correct the rows"),
    "negative.csv": (b"params,tokens,loss\n1e8,2e9,-3\n", "row 1: loss is -3", "above zero.*Correct the rows"),
    "binary.csv": (bytes(range(256)) * 9, "is binary.*NUL byte at 0", "Give UTF-8 text"),
    "unknown.csv": (b"size,data,error\n1e8,2e9,3\n", "no column for params", "Known: size, data, error.*--column"),
    "twice.csv": (b"params,tokens,loss,loss\n1,2,3,4\n", "more than one column named 'loss'", "Rename or remove"),
    "lines.xlsx": (b"PK", "suffix '.xlsx'", "Known: .csv.*convert"),
}


@pytest.mark.parametrize("verb", ["fit", "forecast", "allocate", "check"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_without_usable_runs_is_refused_by_every_verb(
    refused: Refused, tmp_path: Path, verb: str, name: str
) -> None:
    content, seen, advice = FILES[name]
    (tmp_path / name).write_bytes(content)
    more = {"forecast": ["--at", "N=1e9,D=1e10"], "allocate": ["--compute", "1e20"]}.get(verb, [])
    message = refused(verb, tmp_path / name, *more)
    assert name in message
    assert re.search(f"{seen}.*{advice}", message, re.DOTALL), message


def test_a_directory_is_refused_with_the_tables_in_it(refused: Refused, ladder: Path) -> None:
    message = refused("fit", ladder.parent)
    assert "is a directory, not a table of runs. It holds ladder.csv: name one of these." in message


def test_a_missing_file_is_answered_with_its_neighbour(refused: Refused, ladder: Path) -> None:
    message = refused("fit", ladder.with_name("laddr.csv"))
    assert re.search(r"There is no file .*laddr\.csv\. Did you mean '.*ladder\.csv'\?", message)


def test_a_gigabyte_of_one_column_is_refused_at_once(refused: Refused, tmp_path: Path) -> None:
    with (tmp_path / "big.csv").open("wb") as file:
        file.write(b"loss\n" + b"3.25\n" * 20_000)
        file.truncate(1 << 30)  # sparse: the size counts, the disk is spared
    assert "has no column for params (parameters N), tokens" in refused("fit", tmp_path / "big.csv")


def test_a_file_that_may_not_be_read_is_refused(
    refused: Refused, ladder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(
        *_: object, **__: object
    ) -> None:  # the superuser of a container reads everything, so chmod shows nothing
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    message = refused("fit", ladder)
    assert re.search(r"Cannot read .*ladder\.csv: Permission denied\. Give a file that this user may read\.", message)


# arguments after the verb and its runs -> what the message must say
USES: list[tuple[list[str], str]] = [
    (["fit", "--form", "chinchila"], "Unknown form 'chinchila'. Known: .*Did you mean 'chinchilla'"),
    (["fit", "--form", "E + A/N**alpha + B/Q**beta"], "'Q'.*Known variables: N, D, C, U.*position 20"),
    (["fit", "--form", "__import__('os').system('true')"], "'_' is not allowed.*Allowed: numbers, names.*position 1"),
    (["fit", "--form", "E + A/N**(lambda: 0)()"], "position"),
    (["fit", "--form", "(" * 400 + "N"], "position"),
    (["fit", "--form", "E + " * 25_000], "100000 characters; at most"),
    (["fit", "--level", "90"], r"--level 90 .*between 0 and 1.*Did you mean 0\.9\?"),
    (["fit", "--level", "nan"], "--level nan .*between 0 and 1"),
    (["fit", "--level", "high"], "--level high .*between 0 and 1"),
    (["fit", "--seed", "-1"], "--seed -1 .*a whole number from 0 up"),
    (["fit", "--starts", "0"], "--starts 0 .*a whole number from 1 to 100,000. 32 is the default"),
    (["fit", "--replicates", "1e9"], "--replicates 1e9 .*a whole number from 0 to 100,000"),
    (["fit", "--bytes-per-token", "0"], "--bytes-per-token 0 .*a number from 0.001 to 1,000. English text has about 4"),
    (["fit", "--loss-unit", "bit"], "Unknown loss unit 'bit'. Known: nats, bits, bits_per_byte. Did you mean 'bits'"),
    (["fit", "--params-convention", "totl"], "'totl'.*Known: total, non_embedding, active.*Did you mean 'total'"),
    (["fit", "--objective", "hubr"], "Unknown objective 'hubr'. Known: log_huber.*Did you mean 'log_huber'"),
    (["fit", "--column", "N"], "--column 'N'. Allowed: THEIRS=OURS.*--column N=params"),
    (["fit", "--column", "size=params"], "Unknown column 'size' in .*Known: params, tokens, loss"),
    (["fit", "--where", "params >"], "found the end. Write a test such as N > 1e8.\n  params >\n .*position 9"),
    (["fit", "--where", "parms > 1"], "Unknown column 'parms'. Known: params.*Did you mean 'params'.*position 1"),
    (["fit", "--where", "params = 1"], "'='.*Write == to compare"),
    (["fit", "--where", "loss > 'high'"], "holds number and .* holds text"),
    (["fit", "--where", "loss > 100"], "keeps none of the 20 rows.*Loosen"),
    (["fit", "--where", "__import__('os')"], "position"),
    (["fit", "--fomr", "chinchilla"], "no option --fomr. Known: .*--form.*Did you mean '--form'.*`isoflop fit --help`"),
    (["fit", "--form"], "'--form' requires an argument"),
    (["fit", "more.csv"], "unexpected extra argument"),
    (["forecast"], "needs a target: give --at N=70e9,D=1.4e12"),
    (["forecast", "--at", "Nn=70e9,D=1.4e12"], "cannot read 'Nn=70e9'. Allowed: .*Did you mean 'N'"),
    (["forecast", "--at", "N=70e9 D=1.4e12"], "Cannot read N in --at from '70e9 D=1.4e12'. Allowed: "),
    (["forecast", "--at", "N=70e9,N=1"], "'N' is given twice"),
    (["forecast", "--at", "N=70e9"], "needs D. Give a positive number for each of N, D"),
    (["forecast", "--at", "N=seven,D=1"], "Cannot read N in --at from 'seven'. Allowed: "),
    (["forecast", "--at", "N=-1,D=1e9"], "N = -1 is not allowed: it must be a count from 1 to 1e[+]60"),
    (["forecast", "--at", "N=1e300,D=1e300"], "N = 1e[+]300 is not allowed"),
    (["forecast", "--at", "N=1e9,D=1e9,C=1"], "contradict C = 6ND. Give two"),
    (["forecast", "--at", "N=1e9,D=1e10", "--level", "90"], "--level 90 .*between 0 and 1"),
    (["forecast", "--at", "N=1e9,D=1e10", "--targets-where", "loss > 1"], "--targets-where goes with --targets"),
    (["allocate"], "A budget is missing. Give it with --compute"),
    (["allocate", "--compute", "much"], "Cannot read compute from 'much'. Allowed: "),
    (["allocate", "--compute", "0"], "A budget of 0 FLOP cannot be split. Give a positive amount"),
    (["allocate", "--compute", "1e20", "--form", "power_n"], "cannot split a budget.*Choose a form of N and D"),
    (["allocate", "--compute", "1e20", "--law", "besiroglu2024"], "either a table of RUNS or a published --law"),
    (["check", "--flops-factor", "0"], "--flops-factor 0 .*from 1 to"),
]


@pytest.mark.parametrize(("arguments", "pattern"), USES, ids=lambda value: str(value)[:40])
def test_bad_use_is_refused_with_what_is_allowed(
    refused: Refused, ladder: Path, arguments: list[str], pattern: str
) -> None:
    message = refused(arguments[0], ladder, *arguments[1:])
    assert re.search(pattern, message, re.DOTALL), message
    assert len(message) < 1500


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["fti"], "Unknown verb 'fti'. Known: demo, ladder, .*Did you mean 'fit'.*`isoflop --help`"),
        (["--versoin"], "`isoflop` has no option --versoin. Known: --version.*Did you mean '--version'"),
        (["fit"], "`isoflop fit` needs RUNS: Table of runs.*`isoflop fit --help`"),
        (["laws", "chinchila"], "Unknown law or form 'chinchila'. Known: .*Did you mean 'chinchilla'"),
        (["allocate", "--compute", "1e20"], "either a table of RUNS or a published --law"),
        (["allocate", "--law", "muennighoff2023", "--compute", "1e22"], "also needs U"),
    ],
)
def test_bad_use_without_runs_is_refused(refused: Refused, arguments: list[str], pattern: str) -> None:
    message = refused(*arguments)
    assert re.search(pattern, message, re.DOTALL), message


def test_no_verb_at_all_is_answered_with_the_help(isoflop: Isoflop) -> None:
    answer = isoflop()
    assert answer.code in (0, 2)  # Click below 8.2 counts it as asked for
    assert (answer.out + answer.err).startswith("Usage: isoflop")


SYMBOLS = st.sampled_from(["N", "D", "C", "U", "n", "", " N "])
VALUES = st.one_of(st.floats().map(str), st.sampled_from(["70B", "1.4T", "1e21 FLOP", "", "-0", "1e999", "٣", "0x1"]))
TARGETS = st.one_of(
    st.text(max_size=30), st.lists(st.builds("{}={}".format, SYMBOLS, VALUES), max_size=4).map(",".join)
)
WORDS = st.sampled_from(
    [
        "params",
        "loss",
        "`loss`",
        "nope",
        "1e8",
        "1.3B",
        "'a'",
        "true",
        "not",
        "and",
        "or",
        "in",
        "(",
        ")",
        ",",
        "<",
        "==",
    ]
)
FILTERS = st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=9).map(" ".join))
MANY = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def code_of(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


@MANY
@given(target=TARGETS)
def test_no_target_ends_in_a_traceback(one_run: Path, target: str) -> None:
    assert code_of("forecast", one_run, f"--at={target}", "--replicates=0", "--form=kaplan_nd") in (0, 2)


@MANY
@given(expression=FILTERS)
def test_no_filter_ends_in_a_traceback(ladder: Path, expression: str) -> None:
    assert code_of("check", ladder, f"--where={expression}") in (0, 1, 2)


@MANY
@given(formula=st.text(alphabet="EANDBalph+-*/() .0129_'[]{}:=,", max_size=30))
def test_no_formula_ends_in_a_traceback(one_run: Path, formula: str) -> None:
    assert code_of("forecast", one_run, "--at=N=1", f"--form={formula}") in (0, 2)


REMEDIES = re.compile(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*")
FROM_PYTHON_ONLY = {"--target"}  # named only to who gave read_runs(target=...), which no verb does


def test_every_option_that_a_remedy_names_exists() -> None:
    import typer

    import isoflop as package

    verbs = list(typer.main.get_command(app).commands.values())  # type: ignore[attr-defined]
    verbs += [verb for group in verbs for verb in getattr(group, "commands", {}).values()]
    known = {name for verb in verbs for parameter in verb.params for name in parameter.opts}
    rooms = ("runs", "laws", "fitting", "forecasting", "planning", "cli")
    files = [path for room in rooms for path in (Path(package.__file__).parent / room).glob("*.py")]
    named = {option for path in files for option in REMEDIES.findall(path.read_text())}
    assert named - FROM_PYTHON_ONLY <= known | {"--help", "--version"}


def run_command(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    code = "from isoflop.cli.main import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, text=True, stderr=subprocess.PIPE, check=False, **options)  # type: ignore[call-overload]


def test_an_interrupt_is_told_in_one_line(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("isoflop.laws.catalogue.published_laws", interrupted)
    answer = isoflop("laws")
    assert (answer.code, answer.out) == (130, "")
    assert answer.err.startswith("isoflop: interrupted.")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_failure_with_its_cause() -> None:
    with open("/dev/full", "w") as full:
        done = run_command("--help", stdout=full)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run_command("--help", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_without_greek_letters_is_no_error(one_run: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = run_command("forecast", one_run, "--at=N=1e9,D=1e9", *ONE_FORM, stdout=subprocess.PIPE, env=environment)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
