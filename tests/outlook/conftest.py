"""``isoflop outlook`` as a person types it, and the tables that the pages name."""

import shlex
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import polars as pl
import pytest

from isoflop.cli.main import main

POOLS = "name,tokens,b,half_life\nbest,10B,0.105,3\ngood,40B,0.103,4\nrest,200B,0.1,6\n"
ANSWERS: dict[str, str] = {}
"""What commands printed, so that each runs once."""


@pytest.fixture
def outlook(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs ``isoflop outlook`` with arguments, 100 columns wide; gives exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["outlook", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run tables that ship, and the pools of docs/capability.md."""
    folder = tmp_path_factory.mktemp("pages") / "samples"
    with resources.as_file(resources.files("isoflop.samples")) as shipped:
        shutil.copytree(shipped, folder)
    (folder / "pools.csv").write_text(POOLS)
    return folder


@pytest.fixture(scope="session")
def public_tables(data_dir: Path, tables: Path) -> Path:
    """And Epoch's notable models and Ruan et al.'s base models, under the names that the pages use."""
    models = pl.read_csv(data_dir / "econ/epoch_notable/notable_ai_models_2026-01-26.csv", infer_schema=False)
    models.select(
        model=pl.col("Model").str.replace_all(r"\s+", " "),
        published="Publication date",
        flops="Training compute (FLOP)",
        cost="Training compute cost (2023 USD)",
        frontier=pl.col("Frontier model").str.to_lowercase(),
    ).write_csv(tables / "models.csv")
    scores = pl.read_csv(data_dir / "runs/obs_scaling/base_llm_benchmark_eval.csv")[:77]
    base = scores.select(model="Model", flops=1e21 * pl.col("FLOPs (1E21)"), MMLU="MMLU")
    base.write_csv(tables / "base_models.csv")
    return tables


@pytest.fixture
def said(tables: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """What a command prints among the tables, 100 columns wide."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tables)

    def run(command: str) -> str:
        if command in ANSWERS:
            return ANSWERS[command]
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(shlex.split(command)[1:])
        assert not left.value.code, command
        lines = capsys.readouterr().out.strip().splitlines()
        return ANSWERS.setdefault(command, "\n".join(line.rstrip() for line in lines))

    return run
