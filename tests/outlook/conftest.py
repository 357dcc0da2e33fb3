"""``isoflop outlook`` as a person types it."""

from collections.abc import Callable

import pytest

from isoflop.cli.main import main


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
