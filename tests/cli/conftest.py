"""The command line as a person meets it: give arguments, get the exit code and the two streams."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from terminal import Answer, Isoflop, law

from isoflop.cli.main import main


@pytest.fixture
def isoflop(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Isoflop:
    """Run the command in this process: ``isoflop("fit", path, "--json")``, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Answer(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def refused(isoflop: Isoflop) -> Callable[..., str]:
    """Run a command that is bad use, and give its one message: exit code 2, no stdout, no traceback."""

    def run(*arguments: object) -> str:
        answer = isoflop(*arguments)
        assert answer.code == 2, answer
        assert answer.out == ""
        assert "Traceback" not in answer.err
        messages = [line for line in answer.err.splitlines() if line.startswith("isoflop: ")]
        return answer.err[answer.err.index(messages[-1]) :].strip()

    return run


@pytest.fixture(scope="session")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty runs on a known law with 0.3 % of noise that looks random and is not."""
    N, D = (axis.ravel() for axis in np.meshgrid([1e7, 3e7, 1e8, 3e8, 1e9], [2e8, 1e9, 5e9, 2e10]))
    loss = law(N, D) * np.exp(0.004 * np.sin(7.0 * np.arange(N.size) ** 1.3))
    path = tmp_path_factory.mktemp("runs") / "ladder.csv"
    rows = [f"{n:.0f},{d:.0f},{value:.5f}" for n, d, value in zip(N, D, loss, strict=True)]
    path.write_text("params,tokens,loss\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "one.csv"
    path.write_text("params,tokens,loss\n1e7,2e8,4.2\n")
    return path
