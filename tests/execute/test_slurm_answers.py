"""What sbatch says and what is made of it: asked again later, or refused for good; no Slurm is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from isoflop.execute import Job
from isoflop.execute.attempts import Attempt
from isoflop.execute.options import SlurmOptions
from isoflop.execute.scheduler import Unreachable
from isoflop.execute.slurm import SlurmScheduler

FAILED = "sbatch: error: Batch job submission failed: "


@pytest.fixture
def sbatch_saying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """sbatch_saying(text): a scheduler whose sbatch writes the text to stderr and exits with 1."""

    def made(text: str) -> SlurmScheduler:
        program = tmp_path / "bin" / "sbatch"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        return SlurmScheduler(SlurmOptions(), tmp_path / "notes")

    return made


def attempt(tmp_path: Path) -> Attempt:
    return Attempt(Job(name="one", argv=("true",), directory=tmp_path / "one"), "token")


@pytest.mark.parametrize(
    "said",
    [
        "Unable to contact slurm controller (connect failure)",
        "Socket timed out on send/recv operation",
        "Connection refused",
        "Connection reset by peer",
        "Connection timed out",
        "Broken pipe",
        "No route to host",
        "Network is unreachable",
        "Transport endpoint is not connected",
        "Zero Bytes were transmitted or received",
        "Unexpected message received",
        "Job violates accounting/QOS policy (job submit limit, user size and/or time limits): QOSMaxSubmitJobPerUser",
    ],
)
def test_a_controller_that_goes_away_or_is_full_is_asked_again(sbatch_saying, tmp_path, said):
    with pytest.raises(Unreachable, match="waits for Slurm"):
        sbatch_saying(FAILED + said).start([attempt(tmp_path)])


@pytest.mark.parametrize(
    "said",
    [
        "Invalid partition name specified",
        "Requested node configuration is not available",
        "Invalid account or account/partition combination specified",
        "User id does not have permission",
    ],
)
def test_a_request_that_is_wrong_is_refused_for_good_in_the_words_of_slurm(sbatch_saying, tmp_path, said):
    refused = sbatch_saying(FAILED + said).start([attempt(tmp_path)])
    assert refused == {"token": f"was refused by Slurm ({FAILED}{said})"}
